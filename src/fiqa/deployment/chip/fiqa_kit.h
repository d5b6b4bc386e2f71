/* The parity kit of fiqa: reads inputs.f32 or crops.u8, calls your model, writes results.csv.
 *
 * Plain C99 with stdio, no other library. Write fiqa_model and compile it with runner.c:
 *
 *   cc -std=c99 -O2 runner.c my_model.c -o runner && ./runner . results.csv
 *
 * An input is what the model takes for one crop, as kit.h says:
 *   FIQA_KIT_FLOAT  float32, normalized already, planes (3 x side x side), channels red first
 *                   unless kit.h says otherwise
 *   FIQA_KIT_BYTES  uint8 0..255, rows of red, green, blue (side x side x 3), not normalized
 */
#ifndef FIQA_KIT_H
#define FIQA_KIT_H

#define FIQA_KIT_FLOAT 0
#define FIQA_KIT_BYTES 1

/* Which input your model takes. Define it as one of the two above in my_model.c:
 *   const int fiqa_model_input = FIQA_KIT_FLOAT;
 */
extern const int fiqa_model_input;

/* Computes the outputs of one crop: the quality first, then the others in the order of kit.h.
 * `input` is const float * or const unsigned char *, as fiqa_model_input says.
 * Returns 0 where all went well.
 */
int fiqa_model(const void *input, float *outputs);

#endif
