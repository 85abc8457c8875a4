// SPDX-License-Identifier: MIT
#pragma once

// The durations and clocks of <chrono>. In libstdc++ that header brings in the calendar too, and with it all of
// iostreams, which is a tenth of what a small program takes to compile; the part that is wanted here stands in a header
// of its own.
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
