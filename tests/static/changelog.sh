#!/usr/bin/env bash
# antsibull-changelog: the fragments and the record of releases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
antsibull-changelog lint
antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
