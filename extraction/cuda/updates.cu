// Updates of weights in place, a thread for each number.

// Stochastic gradient descent; `velocity` is null without momentum. Decay is added to the gradient.
extern "C" __global__ void sgd(
    float* weight, float* velocity, const float* gradient, float rate, float momentum, float decay,
    int nesterov, long long n)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float slope = fmaf(decay, weight[i], gradient[i]);
    if (velocity) {
        const float now = fmaf(momentum, velocity[i], slope);
        velocity[i] = now;
        slope = nesterov ? fmaf(momentum, now, slope) : now;
    }
    weight[i] = fmaf(-rate, slope, weight[i]);
}

// Adam: Kingma & Ba, ICLR 2015, algorithm 1. `mean_rate` is the learning rate over the correction
// of the mean, `correction` is that of the square; both start at zero.
extern "C" __global__ void adam(
    float* weight, float* mean, float* square, const float* gradient, float mean_rate, float first,
    float second, float correction, float epsilon, float decay, long long n)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const float slope = fmaf(decay, weight[i], gradient[i]);
    mean[i] = fmaf(first, mean[i], (1.0f - first) * slope);
    square[i] = fmaf(second, square[i], (1.0f - second) * slope * slope);
    weight[i] -= mean_rate * mean[i] / (sqrtf(square[i] / correction) + epsilon);
}
