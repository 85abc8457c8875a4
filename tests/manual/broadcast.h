// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Price {};
inline const Price price;
inline void draw(Price) {}
