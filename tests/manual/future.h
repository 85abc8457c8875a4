// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

#include <functional>

struct Device {
  void on_reply(std::function<void(std::string)>) {}
};
inline Device device;
