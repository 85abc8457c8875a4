// SPDX-License-Identifier: MIT
// A counter of references that an exception passes by: the store of what is left is taken for dead, because
// `delete this` in the other branch ends the object's life.
#include "canary.h"

using namespace canary;

template <bool barrier>
class Shared {
 public:
  void retain() { ++references_; }
  void release() {
    if (--references_ == 0) delete this;
    if (barrier) asm volatile("" ::: "memory");
  }
  int references() const { return references_; }

 private:
  ~Shared() = default;
  int references_ = 0;
};

template <class T>
class Reference {
 public:
  explicit Reference(T& object) : object_(&object) { object.retain(); }
  Reference(const Reference&) = delete;
  ~Reference() { object_->release(); }
  T& operator*() const { return *object_; }

 private:
  T* object_;
};

template <class T>
T* kept = nullptr;

template <class T>
__attribute__((noinline)) void keep(T& object, bool fails) {
  object.retain();
  kept<T> = &object;
  if (fails) throw 1;
}

template <class T>
__attribute__((noinline)) void make(bool fails) {
  const Reference<T> own(*new T);
  keep(*own, fails);
}

template <class T>
void check() {
  for (bool fails : {false, true}) {
    try {
      make<T>(fails);
    } catch (int) {
    }
    expect_not(kept<T>->references() != 1, fails ? "unwound" : "returned from");
  }
}

int main(int argc, char**) {
  argc == 1 ? check<Shared<false>>() : check<Shared<true>>();
  return verdict();
}
