// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string_view>

namespace demo {

// A tutorial program, and what the tutorial says of it. In `output`, # stands for a number and ? for a digit.
struct Promise {
  std::string_view program;
  std::chrono::seconds time;
  std::string_view output;
};

inline constexpr Promise promises[] = {
    {"asyncio_module_basic", std::chrono::seconds(1), "Hello\nHello\nWorld\nWorld\n"},
    {"asyncio_module_tasks", std::chrono::seconds(2),
     "Task A started\nTask B started\nTask B finished after 1 seconds\nTask A finished after 2 seconds\n"},
    {"asyncio_module_wait_for", std::chrono::seconds(2), "Task started, will take 5 seconds\nTask timed out!\n"},
    {"asyncio_module_gather", std::chrono::seconds(3),
     "Task A started\nTask B started\nTask C started\nTask B finished\nTask A finished\nTask C finished\n"},
    {"asyncio_library_coroutine", std::chrono::seconds(1), "Hello\nWorld\n"},
    {"asyncio_library_event_loop", std::chrono::seconds(1), "Start\nEnd\n"},
    {"asyncio_library_awaitables", std::chrono::seconds(2), "Data\n"},
    {"asyncio_library_tasks", std::chrono::seconds(2),
     "Task 1 started\nTask 2 started\nTask 2 finished\nTask 1 finished\n"},
    {"asyncio_library_gather", std::chrono::seconds(2),
     "Fetching https://example.com\nFetching https://httpbin.org/get\n"
     "['Data from https://example.com', 'Data from https://httpbin.org/get']\n"},
    {"asyncio_library_timeouts", std::chrono::seconds(2), "Task timed out\n"},
    {"asyncio_library_queues", std::chrono::seconds(5),
     "Producing 0\nConsumed 0\nProducing 1\nConsumed 1\nProducing 2\nConsumed 2\n"
     "Producing 3\nConsumed 3\nProducing 4\nConsumed 4\n"},
    {"asyncio_library_blocking", std::chrono::seconds(2), ""},
    {"asyncio_library_not_blocking", std::chrono::seconds(2), ""},
    {"asyncio_library_run", std::chrono::seconds(1), ""},
    {"asyncio_library_exceptions", std::chrono::seconds(0), "Caught exception: Oops!\n"},
    {"what_is_asyncio_coroutines", std::chrono::seconds(1), "Hello\nWorld\n"},
    {"what_is_asyncio_await", std::chrono::seconds(1), ""},
    {"what_is_asyncio_event_loop", std::chrono::seconds(1), "Hello\nWorld\n"},
    {"what_is_asyncio_tasks", std::chrono::seconds(2),
     "Task 1 started\nTask 2 started\nTask 1 finished\nTask 2 finished\n"},
    {"what_is_asyncio_gather", std::chrono::seconds(2),
     "A started\nB started\nC started\nA finished\nB finished\nC finished\n"},
    {"what_is_asyncio_gather_error", std::chrono::seconds(0), "Good Task started\nCaught an error: Oops!\n"},
    {"asynchronous_programming_basic", std::chrono::seconds(3),
     "--- Asyncio Basic Example ---\nFetching Users (will take 2 seconds)...\n"
     "Fetching Products (will take 3 seconds)...\nFinished fetching Users.\nFinished fetching Products.\n"
     "All data fetched. Results: ['Data: Users', 'Data: Products']\nTotal time (asyncio): 3.?? seconds.\n"},
    {"asynchronous_programming_tasks", std::chrono::seconds(3),
     "\n--- Asyncio with Tasks Example ---\nWorker A: Starting...\nWorker B: Starting...\nWorker C: Starting...\n"
     "Worker B: Finished.\nWorker A: Finished.\nWorker C: Finished.\n"
     "All workers completed. Results: ['A done', 'B done', 'C done']\nTotal time (asyncio tasks): 3.?? seconds.\n"},
    {"asyncio_explained_async_await", std::chrono::seconds(0), "done\n"},
    {"asyncio_explained_event_loop", std::chrono::seconds(1), "Start of main coroutine\nEnd of main coroutine\n"},
    {"asyncio_explained_sequential", std::chrono::seconds(3),
     "Fetching data...\nData fetched\nFetching data...\nData fetched\n{'data': 'Some Data'} {'data': 'Some Data'}\n"},
    {"asyncio_explained_tasks", std::chrono::seconds(3),
     "Coroutine 1 starting\nCoroutine 2 starting\nCoroutine 3 starting\n"
     "Coroutine 3 done\nCoroutine 1 done\nCoroutine 2 done\n"
     "{'id': 1, 'data': 'Sample data 1'} {'id': 2, 'data': 'Sample data 2'} {'id': 3, 'data': 'Sample data 3'}\n"},
    {"asyncio_explained_gather", std::chrono::seconds(3),
     "Coroutine 1 starting\nCoroutine 2 starting\nCoroutine 3 starting\n"
     "Coroutine 2 done\nCoroutine 1 done\nCoroutine 3 done\n"
     "Received result: {'id': 1, 'data': 'Sample data 1'}\nReceived result: {'id': 2, 'data': 'Sample data 2'}\n"
     "Received result: {'id': 3, 'data': 'Sample data 3'}\n"},
    {"asyncio_explained_task_group", std::chrono::seconds(3),
     "Coroutine 1 starting\nCoroutine 2 starting\nCoroutine 3 starting\n"
     "Coroutine 2 done\nCoroutine 1 done\nCoroutine 3 done\n"
     "Received result: {'id': 1, 'data': 'Sample data 1'}\nReceived result: {'id': 2, 'data': 'Sample data 2'}\n"
     "Received result: {'id': 3, 'data': 'Sample data 3'}\n"},
    {"asyncio_explained_futures", std::chrono::seconds(1), "Received future result: Future result is ready\n"},
    {"asyncio_explained_lock", std::chrono::seconds(2),
     "Resource before: 0\nResource after: 1\nResource before: 1\nResource after: 2\n"},
    {"asyncio_explained_semaphore", std::chrono::seconds(3),
     "Accessing resource 0\nAccessing resource 1\nReleasing resource 0\nReleasing resource 1\n"
     "Accessing resource 2\nAccessing resource 3\nReleasing resource 2\nReleasing resource 3\n"
     "Accessing resource 4\nReleasing resource 4\n"},
    {"asyncio_explained_event", std::chrono::seconds(2),
     "Waiting for event to be set\nEvent has been set\nEvent set, continuing\n"},
};

// The two that belong together: the server runs until Ctrl-C, and the client talks to it.
inline constexpr Promise echo_server_promise = {
    "asyncio_module_echo_server", std::chrono::seconds(0),
    "Serving on ('127.0.0.1', #)\nReceived Hello, World! from ('127.0.0.1', #)\n"
    "Send: 'Hello, World!'\nClosing the connection\n"};
inline constexpr Promise echo_client_promise = {
    "asyncio_module_echo_client", std::chrono::seconds(0),
    "Send: Hello, World!\nReceived: Hello, World!\nClosing the connection\n"};

}  // namespace demo
