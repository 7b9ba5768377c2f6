// The nearest window of all bands to each prototype, by tiles of the product of prototypes and
// windows and a running minimum of |x|^2 - 2 x.w + |w|^2: no map of distances is ever stored.

#define PROTOTYPES 128  // of a tile
#define PLACES 128      // of a tile
#define DEPTH 8         // elements that are multiplied between two waits
#define ACROSS 16       // threads along the places; as many along the prototypes
#define OWN_PROTOTYPES (PROTOTYPES / ACROSS)
#define OWN_PLACES (PLACES / ACROSS)
#define THREADS (ACROSS * ACROSS)
#define FETCHED (DEPTH * PLACES / THREADS)  // values of the next step that a thread reads

// Bits whose order as whole numbers is that of the floats.
static __device__ unsigned int ordered(float value)
{
    const unsigned int bits = __float_as_uint(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// What a thread has of its tile, along one side: fours that lie beside each other.
static __device__ int own(int which, int thread)
{
    return which / 4 * 4 * ACROSS + thread * 4 + which % 4;
}

// bands      all maps with their borders, one after the other, each (image, feature, y, x)
// table      (n_bands, 5) of each band: where it starts in `bands`, height, width, windows across,
//            first window among those of all bands; and one row more, whose last is their number
// tiles      (n_tiles, 2): band and first window in it
// matrix     (n_elements, n_prototypes)
// norms      (n_prototypes): |w|^2
// steps      (n_bands, n_elements): from the corner of a window to each of its elements
// keys       (n_images, n_prototypes): smallest square and its window so far, in one number
//
// A block of threads for each tile (x), PROTOTYPES prototypes (y) and image (z).
extern "C" __launch_bounds__(THREADS, 2) __global__ void nearest(
    const float* bands, const long long* table, const int* tiles, const float* matrix,
    const float* norms, const int* steps, int n_elements, int n_prototypes, int n_features,
    unsigned long long* keys)
{
    // Aligned, so that a thread reads four values at once. While one half is multiplied, the
    // other is filled.
    __shared__ __align__(16) float windows[2][DEPTH][PLACES];
    __shared__ __align__(16) float weights[2][DEPTH][PROTOTYPES];
    __shared__ float energies[THREADS / PLACES][PLACES];
    __shared__ unsigned long long lowest[ACROSS][PROTOTYPES];

    const int thread = threadIdx.y * ACROSS + threadIdx.x;
    const long long* band = table + 5 * tiles[2 * blockIdx.x];
    const int first = tiles[2 * blockIdx.x + 1];
    const long long height = band[1], width = band[2], across = band[3];
    const int n_places = (int)(band[9] - band[4]);
    const float* map = bands + band[0] + blockIdx.z * n_features * height * width;
    const int first_prototype = blockIdx.y * PROTOTYPES;

    // Each thread reads the elements of one window and the weights of one prototype, every second
    // of them.
    const int column = thread % PLACES, part = thread / PLACES;
    const int place = min(first + column, n_places - 1);
    const float* corner = map + place / across * width + place % across;
    const int* step = steps + (long long)tiles[2 * blockIdx.x] * n_elements;
    const int prototype = first_prototype + column;
    float energy = 0.0f;

    float products[OWN_PROTOTYPES][OWN_PLACES];
    #pragma unroll
    for (int p = 0; p < OWN_PROTOTYPES; ++p)
        #pragma unroll
        for (int q = 0; q < OWN_PLACES; ++q) products[p][q] = 0.0f;

    float next_value[FETCHED], next_weight[FETCHED];
    for (int start = -DEPTH; start < n_elements; start += DEPTH) {
        const int half = start / DEPTH & 1;
        const bool more = start + DEPTH < n_elements;
        #pragma unroll
        for (int i = 0; i < FETCHED; ++i) {
            const int element = start + DEPTH + i * (THREADS / PLACES) + part;
            const bool there = element < n_elements;
            next_value[i] = there ? corner[step[element]] : 0.0f;
            next_weight[i] = there && prototype < n_prototypes
                ? matrix[(long long)element * n_prototypes + prototype] : 0.0f;
            energy = fmaf(next_value[i], next_value[i], energy);
        }
        if (start >= 0) {
            #pragma unroll
            for (int d = 0; d < DEPTH; ++d) {
                float w[OWN_PROTOTYPES], x[OWN_PLACES];
                #pragma unroll
                for (int p = 0; p < OWN_PROTOTYPES; ++p)
                    w[p] = weights[half][d][own(p, threadIdx.y)];
                #pragma unroll
                for (int q = 0; q < OWN_PLACES; ++q) x[q] = windows[half][d][own(q, threadIdx.x)];
                #pragma unroll
                for (int p = 0; p < OWN_PROTOTYPES; ++p)
                    #pragma unroll
                    for (int q = 0; q < OWN_PLACES; ++q)
                        products[p][q] = fmaf(w[p], x[q], products[p][q]);
            }
        }
        if (!more) break;
        #pragma unroll
        for (int i = 0; i < FETCHED; ++i) {
            windows[1 - half][i * (THREADS / PLACES) + part][column] = next_value[i];
            weights[1 - half][i * (THREADS / PLACES) + part][column] = next_weight[i];
        }
        __syncthreads();
    }
    energies[part][column] = energy;
    __syncthreads();

    #pragma unroll
    for (int p = 0; p < OWN_PROTOTYPES; ++p) {
        const int at_p = own(p, threadIdx.y);
        const float norm =
            first_prototype + at_p < n_prototypes ? norms[first_prototype + at_p] : 0.0f;
        unsigned long long best = ~0ULL;
        #pragma unroll
        for (int q = 0; q < OWN_PLACES; ++q) {
            const int at = own(q, threadIdx.x);
            if (first + at >= n_places) continue;
            float square = norm - 2.0f * products[p][q];
            #pragma unroll
            for (int share = 0; share < THREADS / PLACES; ++share) square += energies[share][at];
            // Where squares tie the first window wins.
            const unsigned long long key =
                (unsigned long long)ordered(square) << 32 | (unsigned int)(band[4] + first + at);
            best = min(best, key);
        }
        lowest[threadIdx.x][at_p] = best;
    }
    __syncthreads();
    if (thread >= PROTOTYPES || first_prototype + thread >= n_prototypes) return;
    unsigned long long best = ~0ULL;
    for (int i = 0; i < ACROSS; ++i) best = min(best, lowest[i][thread]);
    atomicMin(keys + (long long)blockIdx.z * n_prototypes + first_prototype + thread, best);
}

// The distance to the window that won, by differences: |x|^2 - 2 x.w + |w|^2 loses digits where a
// window is near its prototype. Arguments as above.
//
// distances, where   (n_images, n_prototypes): where among the windows of all bands
//
// A block of WORKERS threads for each prototype (x) and image (y).
#define WORKERS 128

extern "C" __global__ void distances_of_winners(
    const float* bands, const long long* table, const float* matrix, const int* steps,
    int n_elements, int n_prototypes, int n_features, const unsigned long long* keys,
    float* distances, long long* where)
{
    __shared__ float sums[WORKERS];
    const long long index = (long long)blockIdx.y * n_prototypes + blockIdx.x;
    const long long winner = (long long)(keys[index] & 0xffffffffULL);
    const long long* band = table;
    const int* step = steps;
    for (; band[9] <= winner; band += 5) step += n_elements;
    const long long height = band[1], width = band[2], place = winner - band[4];
    const float* corner = bands + band[0] + blockIdx.y * n_features * height * width
        + place / band[3] * width + place % band[3];

    float sum = 0.0f;
    for (int e = threadIdx.x; e < n_elements; e += WORKERS) {
        const float off = corner[step[e]] - matrix[(long long)e * n_prototypes + blockIdx.x];
        sum = fmaf(off, off, sum);
    }
    sums[threadIdx.x] = sum;
    for (int apart = WORKERS / 2; apart > 0; apart /= 2) {
        __syncthreads();
        if (threadIdx.x < apart) sums[threadIdx.x] += sums[threadIdx.x + apart];
    }
    if (threadIdx.x == 0) {
        distances[index] = sqrtf(sums[0]);
        where[index] = winner;
    }
}
