// SPDX-License-Identifier: MIT
#pragma once

// What the examples of the headers take for granted: the rest of the program, and other libraries.

#include <asyncio/asyncio.h>

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using asyncio::Coro;
using asyncio::Task;

struct Page {};
using Url = std::string;
inline const Url url, host, question, mirror, another_mirror, path;
inline const std::vector<Url> urls, files;
inline Coro<Page> download(Url) { co_return Page(); }
inline Coro<Page> fetch(Url) { co_return Page(); }
inline Coro<Page> ask(Url) { co_return Page(); }
inline Coro<> crawl(Url) { co_return; }
inline std::vector<Task<Page>> start_downloads() { return {}; }
inline std::vector<Task<Page>> tasks;
inline asyncio::Queue<int> queue;
template <class T>
void show(const T&) {}
template <class T>
void log(const T&) {}
inline std::ostream& operator<<(std::ostream& out, const Page&) { return out; }

inline asyncio::EventLoop loop;
inline asyncio::StreamReader reader;
inline asyncio::StreamWriter writer;
inline int fd = -1;
inline char room[16];
inline Coro<> async_main() { co_return; }
inline Coro<> prepare() { co_return; }
