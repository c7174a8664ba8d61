#!/usr/bin/env bash
# The stand-in for a container engine as a program (stand_in_engine.py says what it is).
exec python3 "$(dirname "${BASH_SOURCE[0]}")/stand_in_engine.py" "$@"
