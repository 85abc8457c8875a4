// SPDX-License-Identifier: MIT
// host PLUGIN...: loads plugins that each contain the library, uses them side by side and in several threads, unloads
// them, and finds out whether anything is left that would be called. Its exit status says whether all is well.
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

template <class F>
F* find(void* plugin, const char* name) {
  void* function = ::dlsym(plugin, name);
  require(function != nullptr, name);
  return reinterpret_cast<F*>(function);
}

void require_default(int signal) {
  struct sigaction action{};
  ::sigaction(signal, nullptr, &action);
  require(action.sa_handler == SIG_DFL, "a handler of a signal is left");
}

void require_fork() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  ::waitpid(child, &status, 0);
  require(status == 0, "the child of a fork() has failed");
}

}  // namespace

int main(int count, char** names) {
  const std::terminate_handler before = std::get_terminate();
  std::mutex stay;
  stay.lock();
  std::vector<std::thread> threads;
  std::vector<void*> plugins;
  for (int i = 1; i < count; ++i) {
    void* plugin = ::dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) std::fprintf(stderr, "%s\n", ::dlerror());
    require(plugin != nullptr, "a plugin cannot be loaded");
    plugins.push_back(plugin);
  }
  for (void* plugin : plugins) {
    auto* use = find<int()>(plugin, "use_the_library");
    std::thread([use] { require(use() == 42, "the plugin does not work in a thread"); }).join();
    std::mutex used;
    used.lock();
    // This one lives on when the plugin has been unloaded, as far as that is done while it does.
    threads.emplace_back([use, &used, &stay] {
      require(use() == 42, "the plugin does not work in a thread that stays");
      used.unlock();
      const std::lock_guard wait(stay);
    });
    used.lock();
    find<void()>(plugin, "leave_a_loop")();
  }
  // The newest first: each has found the terminate handler of the one before it.
  for (; !plugins.empty(); plugins.pop_back()) require(::dlclose(plugins.back()) == 0, "dlclose");
  require_fork();
  stay.unlock();
  for (std::thread& thread : threads) thread.join();
  // No thread of the plugins is left: now they can go.
  for (int i = 1; i < count; ++i) {
    void* plugin = ::dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    require(plugin != nullptr, "a plugin cannot be loaded again");
    ::dlclose(plugin);
  }
  for (int i = 1; i < count; ++i) {
    if (::dlopen(names[i], RTLD_NOW | RTLD_NOLOAD) != nullptr) std::printf("%s stays loaded\n", names[i]);
  }
  require_fork();
  require_default(SIGINT);
  require_default(SIGUSR2);
  require(std::get_terminate() == before, "the terminate handler is left");
  return 0;
}
