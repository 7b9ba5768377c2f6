// Batch normalisation: sums over all values of a feature, and what is done with them.
// All maps are (n_images, n_features, n_places). Sums are made in parts, each by a block of threads,
// and the parts are added up again by every block that needs the whole, always in the same order.

#define WORKERS 256  // threads of a block; a power of two

// The sum of two numbers over the threads of a block, by halves; for the first thread.
static __device__ float2 add_up(float2 own)
{
    __shared__ float2 sums[WORKERS];
    sums[threadIdx.x] = own;
    for (int apart = WORKERS / 2; apart > 0; apart /= 2) {
        __syncthreads();
        if (threadIdx.x < apart) {
            sums[threadIdx.x].x += sums[threadIdx.x + apart].x;
            sums[threadIdx.x].y += sums[threadIdx.x + apart].y;
        }
    }
    return sums[threadIdx.x];
}

// The sum of the parts of a feature.
static __device__ float2 whole(const float2* parts, int n_parts)
{
    float2 sum = make_float2(0.0f, 0.0f);
    for (int part = 0; part < n_parts; ++part) {
        const float2 own = parts[blockIdx.y * n_parts + part];
        sum.x += own.x;
        sum.y += own.y;
    }
    return sum;
}

// Where the i-th value of a feature lies.
static __device__ long long place(unsigned int i, int n_features, int n_places)
{
    return ((long long)(i / n_places) * n_features + blockIdx.y) * n_places + i % n_places;
}

// The values of a feature, dealt out to the blocks along x.
#define EACH_VALUE                                                                          \
    for (unsigned int i = blockIdx.x * WORKERS + threadIdx.x; i < n_images * n_places;      \
         i += gridDim.x * WORKERS)

// Sums of what values are above the first of their feature: far from zero, sums of the values
// themselves would lose digits.
//
// parts  (n_features, gridDim.x, 2): the second is not used
//
// A block of WORKERS threads for each part (x) of each feature (y); so are all that follow.
extern "C" __global__ void sums_of_values(
    const float* values, float* parts, unsigned int n_images, int n_features, int n_places)
{
    const float near = values[(long long)blockIdx.y * n_places];
    float2 own = make_float2(0.0f, 0.0f);
    EACH_VALUE own.x += values[place(i, n_features, n_places)] - near;
    own = add_up(own);
    if (threadIdx.x == 0) ((float2*)parts)[blockIdx.y * gridDim.x + blockIdx.x] = own;
}

// Sums of (value - mean) and of its square.
//
// parts    (n_features, gridDim.x, 2): of `sums_of_values`
// squares  (n_features, gridDim.x, 2)
extern "C" __global__ void sums_of_squares(
    const float* values, const float* parts, float* squares, unsigned int n_images,
    int n_features, int n_places)
{
    const float near = values[(long long)blockIdx.y * n_places];
    const float n_values = (float)n_images * n_places;
    const float mean = near + whole((const float2*)parts, gridDim.x).x / n_values;
    float2 own = make_float2(0.0f, 0.0f);
    EACH_VALUE {
        const float off = values[place(i, n_features, n_places)] - mean;
        own.x += off;
        own.y = fmaf(off, off, own.y);
    }
    own = add_up(own);
    if (threadIdx.x == 0) ((float2*)squares)[blockIdx.y * gridDim.x + blockIdx.x] = own;
}

// Each feature brought to mean `shift` and deviation `scale`: Ioffe & Szegedy, ICML 2015,
// algorithm 1.
//
// parts, squares  as above, n_parts for each feature
// found           (3, n_features): mean, mean square deviation, one over the deviation
extern "C" __global__ void normalise(
    const float* values, const float* parts, const float* squares, const float* scale,
    const float* shift, float epsilon, float* normalised, float* found, unsigned int n_images,
    int n_features, int n_places, int n_parts)
{
    const float near = values[(long long)blockIdx.y * n_places];
    const float n_values = (float)n_images * n_places;
    const float mean = near + whole((const float2*)parts, n_parts).x / n_values;
    const float2 sums = whole((const float2*)squares, n_parts);
    const float off = sums.x / n_values;
    const float variance = sums.y / n_values - off * off;
    const float over = 1.0f / sqrtf(variance + epsilon);
    const float factor = scale[blockIdx.y] * over, constant = shift[blockIdx.y];
    EACH_VALUE {
        const long long at = place(i, n_features, n_places);
        normalised[at] = fmaf(values[at] - mean, factor, constant);
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        found[blockIdx.y] = mean;
        found[n_features + blockIdx.y] = variance;
        found[2 * n_features + blockIdx.y] = over;
    }
}

// Sums of the gradient, and of the gradient times (value - mean).
extern "C" __global__ void sums_of_gradient(
    const float* gradient, const float* values, const float* found, float* parts,
    unsigned int n_images, int n_features, int n_places)
{
    const float mean = found[blockIdx.y];
    float2 own = make_float2(0.0f, 0.0f);
    EACH_VALUE {
        const long long at = place(i, n_features, n_places);
        own.x += gradient[at];
        own.y = fmaf(gradient[at], values[at] - mean, own.y);
    }
    own = add_up(own);
    if (threadIdx.x == 0) ((float2*)parts)[blockIdx.y * gridDim.x + blockIdx.x] = own;
}

// Gradients of values, scale and shift: Ioffe & Szegedy, section 3.
//
// parts   of `sums_of_gradient`, n_parts for each feature
// to_both (2, n_features): of scale and of shift
extern "C" __global__ void batch_back(
    const float* gradient, const float* values, const float* found, const float* parts,
    const float* scale, float* back, float* to_both, unsigned int n_images, int n_features,
    int n_places, int n_parts)
{
    const float mean = found[blockIdx.y], over = found[2 * n_features + blockIdx.y];
    const float n_values = (float)n_images * n_places;
    const float2 sums = whole((const float2*)parts, n_parts);
    const float to_scale = over * sums.y, factor = scale[blockIdx.y] * over;
    const float slope = over * to_scale / n_values, mean_gradient = sums.x / n_values;
    EACH_VALUE {
        const long long at = place(i, n_features, n_places);
        back[at] = factor * (gradient[at] - slope * (values[at] - mean) - mean_gradient);
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        to_both[blockIdx.y] = to_scale;
        to_both[n_features + blockIdx.y] = sums.x;
    }
}

// Each feature times its scale, plus its shift, and rectified if asked for. A thread for each value.
extern "C" __global__ void scale_and_shift(
    const float* values, const float* scale, const float* shift, float* moved, long long n_values,
    int n_features, int n_places, int rectifies)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n_values) return;
    const int feature = (int)(index / n_places % n_features);
    const float value = fmaf(values[index], scale[feature], shift[feature]);
    moved[index] = rectifies ? fmaxf(value, 0.0f) : value;
}

// Running statistics: `share` of the way from what they were to `factor` times what was measured.
// A thread for each.
extern "C" __global__ void running_statistics(
    const float* before, const float* measured, float share, float factor, float* now, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) now[i] = fmaf(share, factor * measured[i] - before[i], before[i]);
}
