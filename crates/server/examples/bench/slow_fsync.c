/* A disk whose fsync takes SLOW_FSYNC_MICROS longer: preloaded into a server, it shows whether durable commits are shared. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_a_moment(void) {
    static long micros = -1;
    if (micros < 0) {
        const char *text = getenv("SLOW_FSYNC_MICROS");
        micros = text ? atol(text) : 0;
    }
    if (micros > 0) usleep(micros);
}

int fsync(int file) {
    wait_a_moment();
    return syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    wait_a_moment();
    return syscall(SYS_fdatasync, file);
}
