// CUDA's built-ins on the processor, as far as our kernels use them: each thread of a block is a
// coroutine that runs until it waits for the others. They take turns forwards and backwards, so
// that a wait that is missing gives wrong numbers.

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)

using std::max;
using std::min;

struct Index { unsigned int x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;

struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }

static inline int __float_as_int(float value)
{
    int bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline unsigned int __float_as_uint(float value) { return __float_as_int(value); }

template <class Number> static Number atomicMax(Number* place, Number value)
{
    const Number before = *place;
    *place = max(before, value);
    return before;
}
template <class Number> static Number atomicMin(Number* place, Number value)
{
    const Number before = *place;
    *place = min(before, value);
    return before;
}

struct Thread {
    ucontext_t context;  // where it starts,
    jmp_buf place;       // and where it goes on: a jump takes a hundredth of a change of context
    std::vector<char> stack = std::vector<char>(1 << 16);
    Index index;
    bool started, done;
};
static jmp_buf scheduler;
static Thread* running;
static const std::function<void()>* body;

static void enter()
{
    (*body)();
    running->done = true;
    _longjmp(scheduler, 1);
}

static void __syncthreads()
{
    if (_setjmp(running->place) == 0) _longjmp(scheduler, 1);
}

// Lets a thread run until it waits or ends.
__attribute__((noinline)) static void go_on(Thread& thread)
{
    running = &thread;
    threadIdx = thread.index;
    if (_setjmp(scheduler) != 0) return;
    if (thread.started) _longjmp(thread.place, 1);
    thread.started = true;
    setcontext(&thread.context);
}

// Runs all blocks, one after the other. Returns false where some threads of a block had ended
// while others still waited for them.
static bool run(const unsigned int* sides, const std::function<void()>& kernel)
{
    gridDim = {sides[0], sides[1], sides[2]};
    blockDim = {sides[3], sides[4], sides[5]};
    body = &kernel;
    std::vector<Thread> threads(blockDim.x * blockDim.y * blockDim.z);
    bool together = true;
    for (unsigned int block = 0; block < gridDim.x * gridDim.y * gridDim.z; ++block) {
        blockIdx = {block % gridDim.x, block / gridDim.x % gridDim.y, block / gridDim.x / gridDim.y};
        for (unsigned int i = 0; i < threads.size(); ++i) {
            Thread& thread = threads[i];
            thread.started = thread.done = false;
            thread.index = {i % blockDim.x, i / blockDim.x % blockDim.y,
                            i / blockDim.x / blockDim.y};
            getcontext(&thread.context);
            thread.context.uc_stack.ss_sp = thread.stack.data();
            thread.context.uc_stack.ss_size = thread.stack.size();
            makecontext(&thread.context, enter, 0);
        }
        size_t n_done = 0;
        for (bool forwards = true; n_done < threads.size(); forwards = !forwards) {
            together &= n_done == 0;
            for (size_t i = 0; i < threads.size(); ++i) {
                Thread& thread = threads[forwards ? i : threads.size() - 1 - i];
                if (thread.done) continue;
                go_on(thread);
                n_done += thread.done;
            }
        }
    }
    return together;
}

// What an argument is, in the words of NumPy; a star for an array.
static const char* kind(float*) { return "float32*"; }
static const char* kind(float4*) { return "float32*"; }
static const char* kind(int*) { return "int32*"; }
static const char* kind(long long*) { return "int64*"; }
static const char* kind(unsigned long long*) { return "uint64*"; }
static const char* kind(int) { return "int32"; }
static const char* kind(unsigned int) { return "uint32"; }
static const char* kind(float) { return "float32"; }
static const char* kind(long long) { return "int64"; }
template <class Type> static const char* kind(const Type* p) { return kind((Type*)p); }

template <class... Types, size_t... I>
static bool start(void (*kernel)(Types...), const unsigned int* sides, void** arguments,
                  std::index_sequence<I...>)
{
    return run(sides, [&] { kernel(*(Types*)arguments[I]...); });
}
template <class... Types>
static bool start(void (*kernel)(Types...), const unsigned int* sides, void** arguments)
{
    return start(kernel, sides, arguments, std::index_sequence_for<Types...>());
}
template <class... Types> static void describe(void (*)(Types...), char* into)
{
    ((std::strcat(into, kind(Types())), std::strcat(into, " ")), ...);
}

// What Python calls: kinds of the arguments, and a launch.
#define EXPORT(name)                                                                            \
    extern "C" void describe_##name(char* into) { describe(name, into); }                       \
    extern "C" bool start_##name(const unsigned int* sides, void** arguments)                   \
    {                                                                                           \
        return start(name, sides, arguments);                                                   \
    }
