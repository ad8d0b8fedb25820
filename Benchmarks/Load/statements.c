// Loaded into a server by LD_PRELOAD, writes down every statement that it gives SQLite to prepare: to the file that
// STATEMENTS names, with a NUL after each. plans.py then asks SQLite how it would do them.
//
//     cc -O2 -shared -fPIC -o statements.so statements.c

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *text, int length) {
    const char *path = getenv("STATEMENTS");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file < 0) return;
    size_t size = length < 0 ? strlen(text) : strnlen(text, (size_t)length);
    char *line = malloc(size + 1);
    if (line != NULL) {
        memcpy(line, text, size);
        line[size] = '\0';
        // One write, so that those of several threads do not mix.
        if (write(file, line, size + 1) < 0) abort();
        free(line);
    }
    close(file);
}

int sqlite3_prepare_v2(void *database, const char *text, int length, void **statement, const char **tail) {
    static int (*prepare)(void *, const char *, int, void **, const char **);
    if (prepare == NULL) prepare = dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
    note(text, length);
    return prepare(database, text, length, statement, tail);
}

int sqlite3_prepare_v3(
    void *database, const char *text, int length, unsigned flags, void **statement, const char **tail) {
    static int (*prepare)(void *, const char *, int, unsigned, void **, const char **);
    if (prepare == NULL) prepare = dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
    note(text, length);
    return prepare(database, text, length, flags, statement, tail);
}
