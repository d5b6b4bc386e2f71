/* One drive counted on the device: 504 bytes, no image, no identity, no time. C99, no allocation.
 *   fiqa_drive d; fiqa_begin(&d, "7b7f21fb39f49deb", .2715f, .7777f, drawn, "front", "nir");
 *   each frame: fiqa_score(&d, raw, floor); or fiqa_state(&d, FIQA_NO_FACE);
 *   uint8_t bytes[FIQA_SIZE]; fiqa_bytes(&d, bytes); then write them to NAME.fiqd
 * `drawn` is a random number; id and ends are those that `fiqa monitor fit` prints. `fiqa monitor
 * check FOLDER` reads the files. The format, byte by byte: fiqa/data/formats/drive_file.py */
#ifndef FIQA_DRIVE_H
#define FIQA_DRIVE_H
#include <stdint.h>
#include <string.h>
#define FIQA_SIZE 504
#define FIQA_BINS 100
enum { FIQA_FRAMES, FIQA_SCORED, FIQA_NO_FACE, FIQA_COVERED, FIQA_DAMAGED, FIQA_TOO_DARK,
       FIQA_TOO_BRIGHT, FIQA_NO_NUMBER, FIQA_BELOW_FLOOR, FIQA_COUNTERS };
typedef struct {
    char reference[17], camera[17], regime[17]; /* at most 16 characters each */
    uint64_t drive;
    float low, high;
    uint32_t counters[FIQA_COUNTERS], bins[FIQA_BINS];
} fiqa_drive;
static inline void fiqa_begin(fiqa_drive *d, const char *reference, float low, float high,
                              uint64_t drive, const char *camera, const char *regime) {
    memset(d, 0, sizeof *d);
    strncat(d->reference, reference, 16);
    strncat(d->camera, camera, 16), strncat(d->regime, regime, 16);
    d->low = low, d->high = high, d->drive = drive;
}
static inline void fiqa_state(fiqa_drive *d, int state) { /* a frame without a score */
    d->counters[FIQA_FRAMES]++, d->counters[state]++;
}
/* A frame with a raw score; floor is -INFINITY where there is none. */
static inline void fiqa_score(fiqa_drive *d, float raw, float floor) {
    int finite = raw - raw == 0; /* neither NaN nor infinity */
    double place = finite ? ((double)raw - d->low) / ((double)d->high - d->low) * FIQA_BINS : 0;
    fiqa_state(d, finite ? FIQA_SCORED : FIQA_NO_NUMBER);
    d->counters[FIQA_BELOW_FLOOR] += finite && raw < floor;
    if (finite) d->bins[place < 0 ? 0 : place >= FIQA_BINS ? FIQA_BINS - 1 : (int)place]++;
}
static inline uint8_t *fiqa_put(uint8_t *to, uint64_t value, int bytes) {
    for (; bytes--; value >>= 8) *to++ = (uint8_t)value;
    return to;
}
static inline int fiqa_hex(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }
static inline void fiqa_bytes(const fiqa_drive *d, uint8_t out[FIQA_SIZE]) {
    uint32_t ends[2], crc = 0xFFFFFFFFu;
    memcpy(ends, &d->low, 4), memcpy(ends + 1, &d->high, 4), memcpy(out, "FIQD", 4);
    uint8_t *to = fiqa_put(fiqa_put(out + 4, 1, 2), FIQA_BINS, 2);
    for (const char *c = d->reference; c < d->reference + 16; c += 2)
        *to++ = (uint8_t)(fiqa_hex(c[0]) << 4 | fiqa_hex(c[1]));
    to = fiqa_put(fiqa_put(fiqa_put(to, d->drive, 8), ends[0], 4), ends[1], 4);
    memcpy(to, d->camera, 16), memcpy(to + 16, d->regime, 16), to += 32;
    for (int i = 0; i < FIQA_COUNTERS; i++) to = fiqa_put(to, d->counters[i], 4);
    for (int i = 0; i < FIQA_BINS; i++) to = fiqa_put(to, d->bins[i], 4);
    for (const uint8_t *at = out; at < to; at++) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    fiqa_put(to, ~crc, 4);
}
#endif
