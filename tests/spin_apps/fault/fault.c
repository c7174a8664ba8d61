/* Copyright (c) 2026 homelab.talos contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Fails on request: /trap ends at once, /burn never ends, /leak takes memory until there is none. */
#include "../guest/http.h"

#define PAGE_BYTES 65536

static void leak(struct answer *answer, uint32_t pages) {
    uint32_t taken = 0;
    while (!pages || taken < pages) {
        uint32_t first = (uint32_t)__builtin_wasm_memory_grow(0, 1);
        if (first == UINT32_MAX) break;
        for (uint32_t i = 0; i < PAGE_BYTES; i += 4096) *(volatile char *)(first * PAGE_BYTES + i) = 1;
        taken++;
    }
    say(answer, "took ");
    say_number(answer, taken);
    say(answer, " pages\n");
}

void answer(struct text path, struct answer *answer) {
    volatile uint32_t turns = 0;
    if (is_path(path, "/trap")) __builtin_trap();
    if (is_path(path, "/burn"))
        for (;;) turns++;
    if (is_path(path, "/leak")) return leak(answer, number_of(parameter(path, "pages")));
    say(answer, "ok\n");
}
