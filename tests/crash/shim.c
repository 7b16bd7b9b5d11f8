/* Preloaded into a server under test: makes calls of one role fail or take long, and puts the wall clock off, as a small file
 * says that the test changes while the server runs ($SHIM_FILE; faults.py). The file is mapped before the roles confine
 * themselves. Its layout is struct plan; all numbers are 64 bits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CALL_SYNC = 1, CALL_PWRITE = 2, CALL_WRITE = 4, CALL_NAME = 8 };

struct plan {
	int64_t clock_offset; /* seconds */
	int64_t role;         /* whose calls: the position in `roles`, from 1 */
	int64_t calls;        /* which: CALL_… */
	int64_t error;        /* errno; 0: none, only the delay */
	int64_t delay_us;
	int64_t tampered;     /* how many calls were */
	int64_t lie;          /* every role: syncs are not made, and said to be done */
};

static struct plan *plan;
static int64_t own_role;

__attribute__((constructor)) static void begin(void)
{
	static const char *const roles[] = {
#define ROLE(NAME, name, ...) #name,
#include "config/roles.def"
	};
	char line[256] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (len > 13 && !memcmp(line, "pombal\0role\0", 12) && !strcmp(line + 12, roles[i]))
			own_role = (int64_t)i + 1;
	const char *path = getenv("SHIM_FILE");
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		plan = at;
	if (fd >= 0)
		close(fd);
}

/* True: the call is to fail, with errno set. */
static int tamper(int64_t call)
{
	volatile struct plan *now = plan;
	if (!now || own_role == 0 || now->role != own_role || !(now->calls & call))
		return 0;
	__atomic_add_fetch(&plan->tampered, 1, __ATOMIC_RELAXED);
	if (now->delay_us > 0)
		usleep((useconds_t)now->delay_us);
	if (now->error == 0)
		return 0;
	errno = (int)now->error;
	return 1;
}

static int lies(void)
{
	return plan && own_role && ((volatile struct plan *)plan)->lie;
}

/* The log and sockets are no business of ours. */
static int is_data(int fd)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && !(flags & O_APPEND) && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int fd) { REAL(fsync); return tamper(CALL_SYNC) ? -1 : lies() ? 0 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return tamper(CALL_SYNC) ? -1 : lies() ? 0 : real(fd); }
int syncfs(int fd) { REAL(syncfs); return tamper(CALL_SYNC) ? -1 : lies() ? 0 : real(fd); }
ssize_t pwrite(int fd, const void *at, size_t len, off_t where) { REAL(pwrite); return tamper(CALL_PWRITE) ? -1 : real(fd, at, len, where); }
ssize_t pwrite64(int fd, const void *at, size_t len, off64_t where) { REAL(pwrite64); return tamper(CALL_PWRITE) ? -1 : real(fd, at, len, where); }
ssize_t write(int fd, const void *at, size_t len) { REAL(write); return plan && plan->calls & CALL_WRITE && is_data(fd) && tamper(CALL_WRITE) ? -1 : real(fd, at, len); }
int rename(const char *from, const char *to) { REAL(rename); return tamper(CALL_NAME) ? -1 : real(from, to); }
int link(const char *from, const char *to) { REAL(link); return tamper(CALL_NAME) ? -1 : real(from, to); }

int open(const char *path, int flags, ...)
{
	REAL(open);
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return flags & O_CREAT && tamper(CALL_NAME) ? -1 : real(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	REAL(clock_gettime);
	int result = real(clock, time);
	if (result == 0 && plan && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		time->tv_sec += ((volatile struct plan *)plan)->clock_offset;
	return result;
}

time_t time(time_t *at)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*at = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}
