module homelab.talos/engine/probe

go 1.25.0
