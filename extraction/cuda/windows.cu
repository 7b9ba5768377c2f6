// What windows see: as the columns of a matrix, for products of matrices, and its maximum; with the
// ways back.
//
// GEOMETRY: sides of the map, of the result and of the window, its strides, dilations, and the
// padding above and to the left.
#define GEOMETRY                                                                        \
    int height, int width, int n_down, int n_across, int size_y, int size_x,            \
    int stride_y, int stride_x, int dilation_y, int dilation_x, int above, int before

// Along one axis: the window that has a place of the map as its element number `element`, or -1.
static __device__ int window_on(
    int place, int element, int stride, int dilation, int padding, int n_windows)
{
    const int from = place + padding - element * dilation;
    return from < 0 || from % stride || from / stride >= n_windows ? -1 : from / stride;
}

// values   (n_images, n_features, height, width)
// columns  (n_chosen, size_y, size_x, n_images, rows, n_across): of the features from `first` on,
//          and of the rows of windows from `top` on
//
// A thread for each window (x); along y, blocks take turns at the elements that windows see. Whole
// numbers of 32 bits: a step of an operation has no more columns, and the GPU divides them faster.
extern "C" __global__ void columns_of(
    const float* values, float* columns, int n_images, int n_features, int first, int n_chosen,
    int top, int rows, GEOMETRY)
{
    const unsigned int window = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned int n_windows = n_images * rows * n_across;
    if (window >= n_windows) return;
    const unsigned int across = window % n_across, row = window / n_across;
    const int y0 = (int)(top + row % rows) * stride_y - above, x0 = (int)across * stride_x - before;
    const float* image = values + ((long long)(row / rows) * n_features + first) * height * width;
    const unsigned int n_elements = n_chosen * size_y * size_x;
    for (unsigned int element = blockIdx.y; element < n_elements; element += gridDim.y) {
        const unsigned int b = element % size_x, rest = element / size_x;
        const int y = y0 + (int)(rest % size_y) * dilation_y, x = x0 + (int)b * dilation_x;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        const float* map = image + (long long)(rest / size_y) * height * width;
        columns[(long long)element * n_windows + window] = inside ? map[y * width + x] : 0.0f;
    }
}

// The adjoint: each place of a map adds up what all windows that saw it hand back. It gathers, so
// that the order of the sum, and with it every bit, is always the same.
//
// columns  (n_chosen, size_y, size_x, n_images, n_down, n_across)
// values   (n_images, n_features, height, width): the features from `first` on are written
//
// A thread for each place.
extern "C" __global__ void values_of(
    const float* columns, float* values, int n_images, int n_features, int first, int n_chosen,
    GEOMETRY)
{
    const unsigned int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (unsigned int)n_images * n_chosen * height * width) return;
    const int x = index % width, y = index / width % height;
    const int map = index / width / height, feature = map % n_chosen, image = map / n_chosen;
    float sum = 0.0f;
    for (int a = 0; a < size_y; ++a) {
        const int down = window_on(y, a, stride_y, dilation_y, above, n_down);
        if (down < 0) continue;
        for (int b = 0; b < size_x; ++b) {
            const int across = window_on(x, b, stride_x, dilation_x, before, n_across);
            if (across < 0) continue;
            const long long row = ((long long)feature * size_y + a) * size_x + b;
            sum += columns[((row * n_images + image) * n_down + down) * n_across + across];
        }
    }
    values[(((long long)image * n_features + first + feature) * height + y) * width + x] = sum;
}

// Products (filter, image, place) as maps (image, filter, place), each filter's times its scale,
// plus its shift, and rectified if asked for.
//
// products  (n_filters, n_images, n_places)
// maps      (n_images, n_all, per_map): filters from `first` on, places from `start` on are written
// scale, shift  (n_filters), or null: as they are
//
// A thread for each product.
extern "C" __global__ void finished(
    const float* products, float* maps, int n_images, int n_filters, int n_places, int n_all,
    int first, int per_map, int start, const float* scale, const float* shift, int rectifies)
{
    const unsigned int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (unsigned int)n_images * n_filters * n_places) return;
    const int place = index % n_places, map = index / n_places;
    const int filter = map % n_filters;
    const long long image = map / n_filters;
    float value = products[(filter * (long long)n_images + image) * n_places + place];
    if (scale) value = fmaf(value, scale[filter], shift[filter]);
    if (rectifies) value = fmaxf(value, 0.0f);
    maps[(image * n_all + first + filter) * per_map + start + place] = value;
}

// The maximum over windows.
//
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
        const int down = window_on(y, a, stride_y, dilation_y, above, n_down);
        if (down < 0) continue;
        for (int b = 0; b < size_x; ++b) {
            const int across = window_on(x, b, stride_x, dilation_x, before, n_across);
            if (across < 0) continue;
            const long long at = map + (long long)down * n_across + across;
            if (winner[at] == a * size_x + b) sum += gradient[at];
        }
    }
    back[index] = sum;
}
