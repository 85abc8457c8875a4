// SPDX-License-Identifier: MIT
#include <asyncio/queue.h>

#include <limits>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind QueueBase::served{"Queue: served", nullptr};

QueueBase::QueueBase(int maxsize)
    : limit_(maxsize > 0 ? static_cast<std::size_t>(maxsize) : std::numeric_limits<std::size_t>::max()),
      maxsize_(maxsize) {}

void QueueBase::throw_surplus_task_done() {
  throw ValueError("Queue.task_done: called more often than items were put into the queue");
}
void QueueBase::throw_shut_down() { throw QueueShutDown(); }
void QueueBase::throw_full() const { throw QueueFull(maxsize_); }
void QueueBase::throw_empty() { throw QueueEmpty(); }

}  // namespace asyncio::inline ASYNCIO_ABI
