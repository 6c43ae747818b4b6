/*
 * Opens the installed libyoke.so at run time, as a plug-in would, and starts and ends a runtime
 * with it: twice, so that closing it leaves nothing behind. Usage: load LIBRARY
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <yoke/yoke.h>

static int load(const char *path)
{
    const char *(*version)(void);
    yoke_status (*create)(yoke_runtime **, const yoke_options *);
    void (*destroy)(yoke_runtime **);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    /* POSIX promises that a symbol's address fits a function pointer; C has no cast for it. */
    *(void **)&version = dlsym(library, "yoke_version");
    *(void **)&create = dlsym(library, "yoke_create");
    *(void **)&destroy = dlsym(library, "yoke_destroy");

    yoke_runtime *rt = NULL;
    yoke_status status = create(&rt, yoke_options(.num_workers = 2));
    if (status != YOKE_OK) {
        fprintf(stderr, "yoke_create: %d\n", (int)status);
        return 1;
    }
    destroy(&rt);
    printf("%s\n", version());
    return rt != NULL || dlclose(library) != 0;
}

int main(int argc, char **argv)
{
    return argc != 2 || load(argv[1]) != 0 || load(argv[1]) != 0;
}
