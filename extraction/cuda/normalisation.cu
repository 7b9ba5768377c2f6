// Batch normalisation: sums over all values of a feature, and what is done with them.
// All maps are (n_images, n_features, n_places).

#define WORKERS 256  // threads that add up a part; a power of two

// Sums of two numbers over the threads of a block, by halves.
static __device__ void add_up(float2* sums, float2 own, float* into)
{
    sums[threadIdx.x] = own;
    for (int step = WORKERS / 2; step > 0; step /= 2) {
        __syncthreads();
        if (threadIdx.x < step) {
            sums[threadIdx.x].x += sums[threadIdx.x + step].x;
            sums[threadIdx.x].y += sums[threadIdx.x + step].y;
        }
    }
    if (threadIdx.x == 0) {
        into[0] = sums[0].x;
        into[1] = sums[0].y;
    }
}

// Sums of (value - centre) and of its square.
//
// centre  (n_features)
// parts   (n_features, n_parts, 2)
//
// A block of WORKERS threads for each part (x) of each feature (y).
extern "C" __global__ void sums_of_values(
    const float* values, const float* centre, float* parts, int n_images, int n_features,
    int n_places)
{
    __shared__ float2 sums[WORKERS];
    const int feature = blockIdx.y;
    const long long n = (long long)n_images * n_places;
    float2 own = make_float2(0.0f, 0.0f);
    for (long long i = blockIdx.x * WORKERS + threadIdx.x; i < n; i += gridDim.x * WORKERS) {
        const long long map = i / n_places * n_features + feature;
        const float off = values[map * n_places + i % n_places] - centre[feature];
        own.x += off;
        own.y = fmaf(off, off, own.y);
    }
    add_up(sums, own, parts + 2 * (feature * gridDim.x + blockIdx.x));
}

// Sums of the gradient and of the gradient times (value - mean). Otherwise as above.
extern "C" __global__ void sums_of_gradient(
    const float* gradient, const float* values, const float* mean, float* parts, int n_images,
    int n_features, int n_places)
{
    __shared__ float2 sums[WORKERS];
    const int feature = blockIdx.y;
    const long long n = (long long)n_images * n_places;
    float2 own = make_float2(0.0f, 0.0f);
    for (long long i = blockIdx.x * WORKERS + threadIdx.x; i < n; i += gridDim.x * WORKERS) {
        const long long at = (i / n_places * n_features + feature) * n_places + i % n_places;
        own.x += gradient[at];
        own.y = fmaf(gradient[at], values[at] - mean[feature], own.y);
    }
    add_up(sums, own, parts + 2 * (feature * gridDim.x + blockIdx.x));
}

// Each feature times its scale, plus its shift. A thread for each value.
extern "C" __global__ void scale_and_shift(
    const float* values, const float* scale, const float* shift, float* moved, long long n_values,
    int n_features, int n_places)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n_values) return;
    const int feature = (int)(index / n_places % n_features);
    moved[index] = fmaf(values[index], scale[feature], shift[feature]);
}

// The gradient of the values: Ioffe & Szegedy, ICML 2015, section 3.
// factor * (gradient - slope * (value - mean) - shift), all but the first two by feature.
extern "C" __global__ void batch_back(
    const float* gradient, const float* values, const float* mean, const float* slope,
    const float* shift, const float* factor, float* back, long long n_values, int n_features,
    int n_places)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n_values) return;
    const int f = (int)(index / n_places % n_features);
    const float left = gradient[index] - slope[f] * (values[index] - mean[f]) - shift[f];
    back[index] = factor[f] * left;
}
