#pragma once
#include <asyncio/timer_node.h>

#include <vector>
namespace asyncio::inline ASYNCIO_ABI {
struct TimerQueue {
  std::vector<TimerNode*> v;
  std::uint64_t seq = 0;
  static bool before(TimerNode* a, TimerNode* b) {
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->sequence < b->sequence);
  }
  void up(std::size_t i, TimerNode* x) {
    while (i) {
      std::size_t p = (i - 1) / 4;
      if (!before(x, v[p])) break;
      v[i] = v[p];
      v[i]->index = i;
      i = p;
    }
    v[i] = x;
    x->index = i;
  }
  void down(std::size_t i, TimerNode* x) {
    std::size_t n = v.size();
    for (;;) {
      std::size_t c = 4 * i + 1;
      if (c >= n) break;
      std::size_t m = c;
      for (std::size_t j = c + 1; j < c + 4 && j < n; j++)
        if (before(v[j], v[m])) m = j;
      if (!before(v[m], x)) break;
      v[i] = v[m];
      v[i]->index = i;
      i = m;
    }
    v[i] = x;
    x->index = i;
  }
  void arm(TimerNode& t, std::int64_t d) {
    t.deadline = d;
    t.sequence = seq++;
    v.push_back(&t);
    up(v.size() - 1, &t);
  }
  void disarm(TimerNode& t) {
    if (!t.armed()) return;
    std::size_t i = t.index;
    TimerNode* x = v.back();
    v.pop_back();
    t.index = SIZE_MAX;
    if (x == &t) return;
    if (i && before(x, v[(i - 1) / 4]))
      up(i, x);
    else
      down(i, x);
  }
  std::int64_t next() { return v.empty() ? INT64_MAX : v[0]->deadline; }
  TimerNode* pop_due(std::int64_t now) {
    if (v.empty() || v[0]->deadline > now) return nullptr;
    TimerNode* t = v[0];
    disarm(*t);
    return t;
  }
  std::size_t size() const { return v.size(); }
};
}  // namespace asyncio::inline ASYNCIO_ABI
