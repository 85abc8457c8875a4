// SPDX-License-Identifier: MIT
#include <asyncio/address.h>
#include <asyncio/executor.h>
#include <asyncio/testing.h>

#include <netdb.h>
#include <pthread.h>

#include <latch>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// The number of a resolve error; 0 where there is none, or it is of another kind.
template <class T>
Coro<int> resolve_error(Coro<T> coro) {
  int code = 0;
  try {
    co_await std::move(coro);
  } catch (const std::system_error& error) {
    if (error.code().category() == resolve_category()) code = error.code().value();
  }
  co_return code;
}

ASYNC_TEST(GetAddrInfo, takes_a_literal_address_as_it_is) {
  auto infos = co_await asyncio::getaddrinfo("127.0.0.1", 80);
  require(infos.size() == 1);
  EXPECT_EQ(infos[0].address, Address("127.0.0.1", 80));
  EXPECT_EQ(infos[0].family, AddressFamily::ipv4);
  EXPECT_EQ(infos[0].type, SocketType::stream);
  EXPECT_EQ(infos[0].canonical_name, "");
  auto six = co_await asyncio::getaddrinfo("::1", 443);
  require(six.size() == 1);
  EXPECT_EQ(six[0].address, Address("::1", 443));
  EXPECT_EQ(six[0].family, AddressFamily::ipv6);
}

// BH-CONN-02
// In the same step, without a suspension: it has ended when the task was run once.
ASYNC_TEST(GetAddrInfo, asks_no_thread_for_a_literal_address) {
  auto task = create_task(asyncio::getaddrinfo("192.0.2.1", 80));
  bool done = false;
  get_running_loop().call_soon([&] { done = task.done(); });
  co_await sleep(0s);
  EXPECT_TRUE(done);
}

ASYNC_TEST(GetAddrInfo, gives_what_the_options_ask_for) {
  EXPECT_EQ((co_await asyncio::getaddrinfo("127.0.0.1", 80, {.type = SocketType::datagram})).at(0).type,
            SocketType::datagram);
  EXPECT_GT((co_await asyncio::getaddrinfo("127.0.0.1", 80, {.type = SocketType::any})).size(), 1u);
  EXPECT_EQ((co_await asyncio::getaddrinfo("", 80, {.family = AddressFamily::ipv4, .passive = true})).at(0).address,
            Address("0.0.0.0", 80));
  EXPECT_EQ((co_await asyncio::getaddrinfo("", 80, {.family = AddressFamily::ipv4})).at(0).address,
            Address("127.0.0.1", 80));
}

ASYNC_TEST(GetAddrInfo, owns_its_strings_when_it_returns) {
  std::string host = "127.0.0.1";
  std::string service = "8080";
  auto coro = asyncio::getaddrinfo(host, service);
  host.assign(host.size(), 'x');
  service.assign(service.size(), 'x');
  auto infos = co_await std::move(coro);
  EXPECT_EQ(infos.at(0).address, Address("127.0.0.1", 8080));
}

ASYNC_IO_TEST(GetAddrInfo, looks_a_name_up) {
  auto infos = co_await asyncio::getaddrinfo("localhost", 80);
  require(!infos.empty());
  EXPECT_TRUE(infos[0].address.host() == "127.0.0.1" || infos[0].address.host() == "::1") << infos[0].address.host();
  EXPECT_EQ(infos[0].address.port(), 80);
}

ASYNC_IO_TEST(GetAddrInfo, says_in_the_systems_words_what_went_wrong) {
  try {
    co_await asyncio::getaddrinfo("no such host", 80, {.numeric_host = true});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.code().category().name(), "getaddrinfo");
    EXPECT_EQ(error.code().value(), EAI_NONAME);
    EXPECT_EQ(error.code().message(), ::gai_strerror(EAI_NONAME));
    EXPECT_NE(std::string(error.what()).find("no such host"), std::string::npos) << error.what();
  }
  EXPECT_NE(co_await resolve_error(asyncio::getaddrinfo("127.0.0.1", "no-such-service")), 0);
  EXPECT_NE(co_await resolve_error(asyncio::getaddrinfo("", "")), 0);
}

ASYNC_TEST(GetAddrInfo, refuses_a_nul_byte) {
  EXPECT_THROW((void)asyncio::getaddrinfo(std::string_view("127.0.0.1\0.example", 18), 80), ValueError);
  EXPECT_THROW((void)asyncio::getaddrinfo("127.0.0.1", 65536), ValueError);
  co_return;
}

// BH-CONN-02, BH-EXE-06
ASYNC_IO_TEST(GetAddrInfo, does_not_wait_for_a_default_executor_that_is_busy) {
  EventLoop& loop = get_running_loop();
  loop.set_default_executor(ThreadPoolExecutor(1));
  auto gate = std::make_shared<std::latch>(1);
  Future<> job = loop.run_in_executor(nullptr, [gate] { gate->wait(); });
  auto infos = co_await asyncio::getaddrinfo("localhost", 80);
  EXPECT_FALSE(infos.empty());
  EXPECT_FALSE(job.done());
  gate->count_down();
  co_await job;
}

ASYNC_IO_TEST(GetAddrInfo, its_threads_have_their_own_name) {
  auto name = [] {
    char text[16] = {};
    ::pthread_getname_np(::pthread_self(), text, sizeof text);
    return std::string(text);
  };
  EventLoop& loop = get_running_loop();
  EXPECT_EQ(co_await loop.run_in_executor(loop.resolver(), name), "resolver_0");
}

ASYNC_IO_TEST(GetAddrInfo, a_cancel_is_thrown_at_once) {
  EventLoop& loop = get_running_loop();
  auto gate = std::make_shared<std::latch>(1);
  // The lookup stands in the queue behind these.
  std::vector<Future<>> busy;
  for (int i = 0; i < 8; ++i) busy.push_back(loop.run_in_executor(loop.resolver(), [gate] { gate->wait(); }));
  auto task = create_task(asyncio::getaddrinfo("localhost", 80));
  co_await settle();
  EXPECT_FALSE(task.done());
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  gate->count_down();
  for (auto& job : busy) co_await job;
}

ASYNC_TEST(GetNameInfo, gives_numbers_as_text) {
  auto info = co_await asyncio::getnameinfo(Address("127.0.0.1", 80), {.numeric_host = true, .numeric_service = true});
  EXPECT_EQ(info.host, "127.0.0.1");
  EXPECT_EQ(info.service, "80");
}

ASYNC_IO_TEST(GetNameInfo, looks_names_up) {
  auto info = co_await asyncio::getnameinfo(Address("127.0.0.1", 80), {.numeric_service = true});
  EXPECT_FALSE(info.host.empty());
  EXPECT_EQ(info.service, "80");
}

ASYNC_IO_TEST(GetNameInfo, takes_literal_addresses_only) {
  EXPECT_EQ(co_await resolve_error(asyncio::getnameinfo(Address("localhost", 80))), EAI_NONAME);
  EXPECT_EQ(co_await resolve_error(asyncio::getnameinfo(Address("/run/socket", 0))), EAI_NONAME);
}

}  // namespace
