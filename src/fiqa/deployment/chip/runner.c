/* Runs your model on every crop of the kit and writes results.csv; see fiqa_kit.h. */
#include <stdio.h>
#include <stdlib.h>

#include "fiqa_kit.h"
#include "kit.h"

int main(int count, char **words) {
    const char *folder = count > 1 ? words[1] : ".";
    const char *out = count > 2 ? words[2] : "results.csv";
    static const char *outputs[] = FIQA_KIT_OUTPUTS;
    int bytes = fiqa_model_input == FIQA_KIT_BYTES;
    size_t size = (size_t)3 * FIQA_KIT_SIDE * FIQA_KIT_SIDE * (bytes ? 1 : sizeof(float));
    float values[FIQA_KIT_WIDTH];
    char name[4096];
    int crop, k;
    FILE *in, *table;
    void *input = malloc(size);

    if (input == NULL || snprintf(name, sizeof name, "%s/%s", folder,
                                  bytes ? "crops.u8" : "inputs.f32") >= (int)sizeof name) {
        fprintf(stderr, "no memory, or a folder of too long a name\n");
        return 1;
    }
    in = fopen(name, "rb");
    if (in == NULL) {
        fprintf(stderr, "%s cannot be opened\n", name);
        return 1;
    }
    table = fopen(out, "w");
    if (table == NULL) {
        fprintf(stderr, "%s cannot be written\n", out);
        return 1;
    }
    fprintf(table, "index");
    for (k = 0; k < FIQA_KIT_WIDTH; k++) fprintf(table, ",%s", outputs[k]);
    fprintf(table, "\n");
    for (crop = 0; crop < FIQA_KIT_CROPS; crop++) {
        if (fread(input, size, 1, in) != 1) {
            fprintf(stderr, "%s is too short\n", name);
            return 1;
        }
        if (fiqa_model(input, values) != 0) {
            fprintf(stderr, "the model failed on crop %d\n", crop);
            return 1;
        }
        fprintf(table, "%d", crop);
        for (k = 0; k < FIQA_KIT_WIDTH; k++) fprintf(table, ",%.9g", (double)values[k]);
        fprintf(table, "\n");
    }
    free(input);
    fclose(in);
    if (fclose(table) != 0) {
        fprintf(stderr, "%s cannot be written\n", out);
        return 1;
    }
    return 0;
}
