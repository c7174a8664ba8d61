module homelab.talos/engine/pause

go 1.25.0
