// The maximum over windows, and the way back to the place that has it first.
//
// GEOMETRY: sides of the map, of the result and of the window, its strides, dilations, and the
// padding above and to the left.
#define GEOMETRY                                                                        \
    int height, int width, int n_down, int n_across, int size_y, int size_x,            \
    int stride_y, int stride_x, int dilation_y, int dilation_x, int above, int before

// values          (n_maps, height, width)
// pooled, winner  (n_maps, n_down, n_across): the winner by its number in the window
//
// A thread for each window.
extern "C" __global__ void max_pool(
    const float* values, float* pooled, int* winner, long long n_maps, GEOMETRY)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n_maps * n_down * n_across) return;
    const int across = (int)(index % n_across), down = (int)(index / n_across % n_down);
    const float* map = values + index / n_across / n_down * height * width;
    float largest = 0.0f;
    int best = -1;
    for (int a = 0; a < size_y; ++a) {
        const int y = down * stride_y + a * dilation_y - above;
        if (y < 0 || y >= height) continue;
        for (int b = 0; b < size_x; ++b) {
            const int x = across * stride_x + b * dilation_x - before;
            if (x < 0 || x >= width) continue;
            const float value = map[(long long)y * width + x];
            if (best < 0 || value > largest) {
                largest = value;
                best = a * size_x + b;
            }
        }
    }
    pooled[index] = largest;
    winner[index] = best;
}

// gradient, winner  (n_maps, n_down, n_across)
// back              (n_maps, height, width)
//
// A thread for each place of the maps, which asks the windows that saw it: the order of the sum,
// and with it every bit, is always the same.
extern "C" __global__ void max_pool_back(
    const float* gradient, const int* winner, float* back, long long n_maps, GEOMETRY)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n_maps * height * width) return;
    const int x = (int)(index % width), y = (int)(index / width % height);
    const long long map = index / width / height * n_down * n_across;
    float sum = 0.0f;
    for (int a = 0; a < size_y; ++a) {
        const int from_y = y + above - a * dilation_y;
        if (from_y < 0 || from_y % stride_y || from_y / stride_y >= n_down) continue;
        for (int b = 0; b < size_x; ++b) {
            const int from_x = x + before - b * dilation_x;
            if (from_x < 0 || from_x % stride_x || from_x / stride_x >= n_across) continue;
            const long long at = map + (long long)(from_y / stride_y) * n_across + from_x / stride_x;
            if (winner[at] == a * size_x + b) sum += gradient[at];
        }
    }
    back[index] = sum;
}
