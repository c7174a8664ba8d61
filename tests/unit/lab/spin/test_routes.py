# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A path goes to the most specific route that covers it."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.lab.spin.host.routes import Routes

ROUTES = Routes(
    {
        "/...": "all",
        "/a/b": "exact",
        "/a/...": "below-a",
        "/a/:name": "named",
        "/a/:name/c": "named-c",
        "/users/:id/posts/:post/...": "posts",
    }
)


@pytest.mark.parametrize(
    ("path", "component", "info"),
    [
        ("/", "all", ""),
        ("/x/y", "all", "/x/y"),
        ("/a", "below-a", ""),
        ("/a/b", "exact", ""),
        ("/a/b/", "exact", ""),
        ("/a/x", "named", ""),
        ("/a/x/c", "named-c", ""),
        ("/a/x/d", "below-a", "/x/d"),
        ("/a/x/d/", "below-a", "/x/d/"),
        ("/users/7/posts/9", "posts", ""),
        ("/users/7/posts/9/z", "posts", "/z"),
    ],
)
def test_the_most_specific_route_wins(path: str, component: str, info: str) -> None:
    match = ROUTES.find(path)
    assert match is not None
    assert (match.component, match.path_info) == (component, info)


def test_wildcards_of_one_segment_have_values() -> None:
    match = ROUTES.find("/users/7/posts/9/z")
    assert match is not None
    assert match.parameters == {"id": "7", "post": "9"}


def test_a_path_without_route_has_no_match() -> None:
    assert Routes({"/a": "a"}).find("/b") is None
    assert Routes({"/a": "a"}).find("/a/b") is None


@pytest.mark.parametrize(
    ("routes", "text"),
    [
        ({"/a/:x": "one", "/a/:y": "two"}, "routes /a/:x and /a/:y cover the same paths: change one of them"),
        ({"a": "one"}, "route 'a' of component one does not begin with /: write /a"),
    ],
)
def test_routes_that_clash_are_refused(routes: dict[str, str], text: str) -> None:
    with pytest.raises(Refusal) as refused:
        Routes(routes)
    assert str(refused.value) == text
