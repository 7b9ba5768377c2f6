// What windows see as the columns of a matrix, for products of matrices, and the way back.
//
// GEOMETRY: sides of the map, of the result and of the window, its strides, dilations, and the
// padding above and to the left.
#define GEOMETRY                                                                        \
    int height, int width, int n_down, int n_across, int size_y, int size_x,            \
    int stride_y, int stride_x, int dilation_y, int dilation_x, int above, int before

// values   (n_images, n_features, height, width)
// columns  (n_chosen, size_y, size_x, n_images, rows, n_across): of the features from `first` on,
//          and of the rows of windows from `top` on
//
// A thread for each column entry.
extern "C" __global__ void columns_of(
    const float* values, float* columns, int n_images, int n_features, int first, int n_chosen,
    int top, int rows, GEOMETRY)
{
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (long long)n_chosen * size_y * size_x * n_images * rows * n_across) return;
    long long rest = index;
    const int across = (int)(rest % n_across); rest /= n_across;
    const int down = top + (int)(rest % rows); rest /= rows;
    const int image = (int)(rest % n_images); rest /= n_images;
    const int b = (int)(rest % size_x); rest /= size_x;
    const int a = (int)(rest % size_y); rest /= size_y;
    const int y = down * stride_y + a * dilation_y - above;
    const int x = across * stride_x + b * dilation_x - before;
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    const long long map = (long long)image * n_features + first + rest;
    columns[index] = inside ? values[(map * height + y) * width + x] : 0.0f;
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
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (long long)n_images * n_chosen * height * width) return;
    long long rest = index;
    const int x = (int)(rest % width); rest /= width;
    const int y = (int)(rest % height); rest /= height;
    const int feature = (int)(rest % n_chosen), image = (int)(rest / n_chosen);
    float sum = 0.0f;
    for (int a = 0; a < size_y; ++a) {
        const int from_y = y + above - a * dilation_y;
        if (from_y < 0 || from_y % stride_y || from_y / stride_y >= n_down) continue;
        for (int b = 0; b < size_x; ++b) {
            const int from_x = x + before - b * dilation_x;
            if (from_x < 0 || from_x % stride_x || from_x / stride_x >= n_across) continue;
            const long long row = ((long long)feature * size_y + a) * size_x + b;
            sum += columns[((row * n_images + image) * n_down + from_y / stride_y) * n_across
                           + from_x / stride_x];
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
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (long long)n_images * n_filters * n_places) return;
    const int place = (int)(index % n_places), filter = (int)(index / n_places % n_filters);
    const long long image = index / n_places / n_filters;
    float value = products[(filter * (long long)n_images + image) * n_places + place];
    if (scale) value = fmaf(value, scale[filter], shift[filter]);
    if (rectifies) value = fmaxf(value, 0.0f);
    maps[(image * n_all + first + filter) * per_map + start + place] = value;
}
