// From a photograph (PPM, P6) and five points to a score, with onnxruntime's C++ API.
//
//   c++ -std=c++17 -O2 -I onnxruntime/include score.cpp -L onnxruntime/lib -lonnxruntime -o score
//   ./score fiqa.onnx photo.ppm X0 W X Y X Y X Y X Y X Y
//
// X0 and W are the calibration in the model's card, fiqa.json.
#include <onnxruntime_cxx_api.h>

#include <cmath>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <vector>

using Point = std::complex<double>;

static const int kSide = 112;
static const Point kTemplate[5] = {{38.2946, 51.6963},
                                   {73.5318, 51.5014},
                                   {56.0252, 71.7366},
                                   {41.5493, 92.3655},
                                   {70.7299, 92.2041}};
static const double kMean[3] = {0.485, 0.456, 0.406}, kStd[3] = {0.229, 0.224, 0.225};
static const char *kLevels[5] = {"unusable", "low", "medium", "good", "perfect"};

// The network's input: the crop, bilinear, black outside of the photograph, normalized, in planes.
static std::vector<float> Input(const std::vector<unsigned char> &photo, int width, int height,
                                const Point points[5]) {
    Point from = 0, to = 0, turn = 0;
    double size = 0;
    for (int k = 0; k < 5; k++) from += points[k] / 5.0, to += kTemplate[k] / 5.0;
    for (int k = 0; k < 5; k++) {
        turn += std::conj(points[k] - from) * (kTemplate[k] - to);
        size += std::norm(points[k] - from);
    }
    turn /= size;
    std::vector<float> input(3 * kSide * kSide);
    for (int y = 0; y < kSide; y++) {
        for (int x = 0; x < kSide; x++) {
            Point at = (Point(x, y) - to) / turn + from;
            int left = (int)std::floor(at.real()), top = (int)std::floor(at.imag());
            double dx = at.real() - left, dy = at.imag() - top;
            for (int channel = 0; channel < 3; channel++) {
                double sum = 0;
                for (int k = 0; k < 4; k++) {
                    int u = left + k % 2, v = top + k / 2;
                    if (u < 0 || v < 0 || u >= width || v >= height) continue;
                    double share = (k % 2 ? dx : 1 - dx) * (k / 2 ? dy : 1 - dy);
                    sum += share * photo[3 * ((size_t)v * width + u) + channel];
                }
                double value = std::round(sum) / 255;
                input[(channel * kSide + y) * kSide + x] =
                    (float)((value - kMean[channel]) / kStd[channel]);
            }
        }
    }
    return input;
}

int main(int count, char **words) {
    int width = 0, height = 0;
    FILE *file = count == 15 ? std::fopen(words[2], "rb") : nullptr;
    if (!file || std::fscanf(file, "P6 %d %d 255", &width, &height) != 2 || width < 1 || height < 1)
        return std::fprintf(stderr, "score MODEL PHOTO.ppm X0 W and ten numbers\n"), 2;
    std::fgetc(file);
    std::vector<unsigned char> photo((size_t)3 * width * height);
    if (std::fread(photo.data(), 1, photo.size(), file) != photo.size()) return 2;
    std::fclose(file);
    Point points[5];
    for (int k = 0; k < 5; k++)
        points[k] = Point(std::atof(words[5 + 2 * k]), std::atof(words[6 + 2 * k]));
    std::vector<float> input = Input(photo, width, height, points);

    Ort::Env env(ORT_LOGGING_LEVEL_WARNING, "fiqa");
    Ort::Session session(env, words[1], Ort::SessionOptions{});
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const int64_t shape[4] = {1, 3, kSide, kSide};
    auto tensor =
        Ort::Value::CreateTensor<float>(memory, input.data(), input.size(), shape, 4);
    const char *inputs[] = {"crops"}, *outputs[] = {"quality"};
    auto found = session.Run(Ort::RunOptions{nullptr}, inputs, &tensor, 1, outputs, 1);

    double raw = found[0].GetTensorData<float>()[0];
    double x0 = std::atof(words[3]), w = std::atof(words[4]);
    int uqs = (int)std::nearbyint(100 / (1 + std::exp(-(raw - x0) / w)));
    int level = (uqs >= 20) + (uqs >= 40) + (uqs >= 60) + (uqs >= 80);
    std::printf("%.6f %d %s\n", raw, uqs, kLevels[level]);
    return 0;
}
