// Contrast-normalised responses of filters by their symmetry, and their maxima over the sizes of a
// band and over square blocks, in one pass over the image: S1 and C1 of HMAX without S1 ever stored.
// See operations/symmetric.py for what is folded, and kernels/symmetric.py for the same on the
// processor.
//
// Fixed when this is compiled:
//   HALF       half of the largest filter, rounded down
//   GROUPS     of four quadrants each
//   FILTERS    of each size
//   RESPONSE   0 signed (blocks of 1 only), 1 half, 2 absolute

#define TILE 32                     // pixels a side that a block of threads computes
#define ROWS 4                      // pixels of each thread, one below the other
#define SIDE (TILE + 2 * HALF)      // pixels a side that it sees
#define THREADS (TILE * TILE / ROWS)

// A row of the image folded at one column and its mirror: for the first three quadrants of a group
// (x) and for the fourth (y), which may have another symmetry.
static __device__ float2 folded(const float* row, int before, int after, float2 sign)
{
    return make_float2(fmaf(sign.x, row[before], row[after]),
                       fmaf(sign.y, row[before], row[after]));
}

// images      (n_images, height, width)
// floors      (n_images): energies up to this count as 1
// weights     (GROUPS, n_sizes, n_columns, n_rows, 4): quadrants, offsets to the side come first
// n_down      (n_sizes, n_columns): how far down a column of the quadrants reaches
// halves      (n_sizes): half of each size, rounded down
// mirrors     (GROUPS, 2, 2): 1 or -1 along y and x, for the first three of a group and the fourth
// signs       (n_sizes, FILTERS, 4 GROUPS): how filters are put together from quadrants
// offsets     (n_sizes, FILTERS): what each filter is outside its disc
// first_size  (n_bands + 1): sizes of each band
// sides       (n_bands): of its blocks
// starts      (n_bands): where its maxima (filter, y, x) lie among the `per_image` of an image
// out         zeros at first
//
// A block of threads for each tile (x), band (y) and image (z), of TILE x TILE / ROWS threads.
extern "C" __global__ void block_maxima(
    const float* images, const float* floors, int height, int width,
    const float4* weights, int n_sizes, int n_rows, int n_columns,
    const int* n_down, const int* halves, const float* mirrors, const float* signs,
    const float* offsets, const int* first_size, const int* sides, const long long* starts,
    long long per_image, int silent, float* out)
{
    __shared__ float seen[SIDE][SIDE];
    __shared__ float2 down[TILE][SIDE];  // sums of values and of squares down each column

    const int n_across = (width + TILE - 1) / TILE;
    const int left = blockIdx.x % n_across * TILE, top = blockIdx.x / n_across * TILE;
    const int band = blockIdx.y;
    const int thread = threadIdx.y * TILE + threadIdx.x;
    const float* image = images + (long long)blockIdx.z * height * width;

    for (int i = thread; i < SIDE * SIDE; i += THREADS) {
        const int y = top + i / SIDE - HALF, x = left + i % SIDE - HALF;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        seen[i / SIDE][i % SIDE] = inside ? image[(long long)y * width + x] : 0.0f;
    }
    __syncthreads();

    const int x = left + threadIdx.x, first_row = threadIdx.y * ROWS;
    float strongest[FILTERS][ROWS];
    #pragma unroll
    for (int f = 0; f < FILTERS; ++f)
        #pragma unroll
        for (int r = 0; r < ROWS; ++r) strongest[f][r] = 0.0f;

    for (int k = first_size[band]; k < first_size[band + 1]; ++k) {
        const int half = halves[k];

        // Sums over the square window, down and then across: additions alone, since a difference
        // of large sums would leave a residue where the image is black.
        for (int i = thread; i < TILE / ROWS * (TILE + 2 * half); i += THREADS) {
            const int column = HALF - half + i % (TILE + 2 * half);
            const int row = i / (TILE + 2 * half) * ROWS;
            const int above = HALF - half + row, last = 2 * half;
            float2 shared = make_float2(0.0f, 0.0f);  // by the windows of all rows of this thread
            for (int t = ROWS - 1; t <= last; ++t) {
                const float value = seen[above + t][column];
                shared.x += value;
                shared.y = fmaf(value, value, shared.y);
            }
            #pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                float2 sum = shared;
                for (int t = r; t < ROWS - 1 && t <= r + last; ++t) {
                    const float value = seen[above + t][column];
                    sum.x += value;
                    sum.y = fmaf(value, value, sum.y);
                }
                for (int t = max(last + 1, ROWS - 1); t <= r + last; ++t) {
                    const float value = seen[above + t][column];
                    sum.x += value;
                    sum.y = fmaf(value, value, sum.y);
                }
                down[row + r][column] = sum;
            }
        }
        __syncthreads();
        float2 box[ROWS];
        #pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            float2 sum = make_float2(0.0f, 0.0f);
            for (int d = -half; d <= half; ++d) {
                const float2 part = down[first_row + r][HALF + threadIdx.x + d];
                sum.x += part.x;
                sum.y += part.y;
            }
            box[r] = sum;
        }
        __syncthreads();

        // Matches of the quadrants. Going down a column, each row is folded once and then handed on
        // from pixel to pixel.
        float matches[GROUPS][4][ROWS];
        #pragma unroll
        for (int g = 0; g < GROUPS; ++g) {
            #pragma unroll
            for (int r = 0; r < ROWS; ++r)
                matches[g][0][r] = matches[g][1][r] = matches[g][2][r] = matches[g][3][r] = 0.0f;
            const float2 vertical = make_float2(mirrors[4 * g], mirrors[4 * g + 2]);
            const float2 across = make_float2(mirrors[4 * g + 1], mirrors[4 * g + 3]);
            const float4* quadrant = weights + (long long)(g * n_sizes + k) * n_columns * n_rows;
            for (int j = 0; j <= half; ++j) {
                const int before = HALF + threadIdx.x - j, after = HALF + threadIdx.x + j;
                float2 below[ROWS], above[ROWS];
                #pragma unroll
                for (int r = 0; r < ROWS; ++r)
                    below[r] = above[r] =
                        folded(seen[HALF + first_row + r], before, after, across);
                const int n = n_down[k * n_columns + j];
                #pragma unroll 4
                for (int i = 0; i < n; ++i) {
                    const float4 w = quadrant[j * n_rows + i];
                    #pragma unroll
                    for (int r = 0; r < ROWS; ++r) {
                        const float most = fmaf(vertical.x, above[r].x, below[r].x);
                        const float other = fmaf(vertical.y, above[r].y, below[r].y);
                        matches[g][0][r] = fmaf(w.x, most, matches[g][0][r]);
                        matches[g][1][r] = fmaf(w.y, most, matches[g][1][r]);
                        matches[g][2][r] = fmaf(w.z, most, matches[g][2][r]);
                        matches[g][3][r] = fmaf(w.w, other, matches[g][3][r]);
                    }
                    if (i == half) break;  // the row after the last is not in the tile
                    #pragma unroll
                    for (int r = ROWS - 1; r > 0; --r) above[r] = above[r - 1];
                    above[0] = folded(seen[HALF + first_row - i - 1], before, after, across);
                    #pragma unroll
                    for (int r = 0; r < ROWS - 1; ++r) below[r] = below[r + 1];
                    below[ROWS - 1] =
                        folded(seen[HALF + first_row + ROWS + i], before, after, across);
                }
            }
        }

        // Filters put together, over the norm of what they saw.
        #pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const int y = top + first_row + r;
            const bool heard = !silent
                || (y > half && y < height - half && x > half && x < width - half);
            if (!heard) continue;
            const float energy = box[r].y > floors[blockIdx.z] ? box[r].y : 1.0f;
            const float norm = 1.0f / sqrtf(energy);
            #pragma unroll
            for (int f = 0; f < FILTERS; ++f) {
                const float* sign = signs + (long long)(k * FILTERS + f) * 4 * GROUPS;
                float match = offsets[k * FILTERS + f] * box[r].x;
                #pragma unroll
                for (int g = 0; g < GROUPS; ++g)
                    #pragma unroll
                    for (int q = 0; q < 4; ++q)
                        match = fmaf(sign[4 * g + q], matches[g][q][r], match);
                const float response = match * norm;
                if (RESPONSE == 0) strongest[f][r] = response;
                if (RESPONSE == 1) strongest[f][r] = fmaxf(strongest[f][r], response);
                if (RESPONSE == 2) strongest[f][r] = fmaxf(strongest[f][r], fabsf(response));
            }
        }
    }

    if (x >= width) return;
    const int side = sides[band];
    const int blocks_down = (height + side - 1) / side, blocks_across = (width + side - 1) / side;
    float* into = out + blockIdx.z * per_image + starts[band];
    #pragma unroll
    for (int f = 0; f < FILTERS; ++f)
        #pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const int y = top + first_row + r;
            if (y >= height) continue;
            float* place =
                into + (long long)(f * blocks_down + y / side) * blocks_across + x / side;
            // Of floats that are not negative the larger has the larger bits.
            if (RESPONSE == 0) *place = strongest[f][r];
            else atomicMax((int*)place, __float_as_int(strongest[f][r]));
        }
}
