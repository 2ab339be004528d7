#include "ceiling.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("cardume-ceiling: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) fail("out of memory");
    return memory;
}

static const struct option_spec *find(const char *name, const struct option_spec *specs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, specs[i].name) == 0) return &specs[i];
    }
    fail("unknown option %s", name);
}

void read_options(int argc, char **argv, const struct option_spec *specs, size_t count) {
    for (int i = 0; i < argc; i += 2) {
        const struct option_spec *spec = find(argv[i], specs, count);
        if (i + 1 == argc) fail("%s needs a value", argv[i]);
        if (spec->text != NULL) {
            *spec->text = argv[i + 1];
        } else {
            char *end;
            *spec->number = strtol(argv[i + 1], &end, 10);
            if (*end != '\0' || *spec->number < 1) fail("%s needs a number from 1", argv[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (specs[i].text != NULL && *specs[i].text == NULL) fail("%s is missing", specs[i].name);
    }
}

char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("cannot read %s", path);
    size_t capacity = 1 << 16;
    char *bytes = allocate(capacity, 1);
    *length = fread(bytes, 1, capacity - 1, file);
    if (*length == 0 || !feof(file)) fail("%s is empty or larger than a script", path);
    fclose(file);
    return bytes;
}
