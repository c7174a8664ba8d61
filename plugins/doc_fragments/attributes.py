# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module supports."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would change without changing it.
    support: full
  diff_mode:
    description: Returns the difference in diff mode, with secrets masked.
    support: full
  idempotent:
    description: Running it twice in a row changes nothing the second time.
    support: full
"""

    # Modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would change without changing it.
    support: full
    details:
      - This module only reads.
  diff_mode:
    description: Returns the difference in diff mode, with secrets masked.
    support: N/A
    details:
      - This module only reads.
  idempotent:
    description: Running it twice in a row changes nothing the second time.
    support: full
    details:
      - This module only reads.
"""

    # Modules that do something each time they run.
    ACTION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would change without changing it.
    support: full
  diff_mode:
    description: Returns the difference in diff mode, with secrets masked.
    support: none
    details:
      - The module performs an action; there is no text to compare.
"""

    ACTIONGROUP_TALOS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/homelab.talos.talos) in C(module_defaults) to set connection options once.
    support: full
    membership:
      - homelab.talos.talos
"""

    ACTIONGROUP_TAILNET = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/homelab.talos.tailnet) in C(module_defaults) to set the coordination server once.
    support: full
    membership:
      - homelab.talos.tailnet
"""
