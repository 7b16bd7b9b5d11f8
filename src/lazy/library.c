/* Loading a library once, and finding its functions; see library.h. */
#include "lazy/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the handles */

static _Noreturn void missing(void)
{
	const char *why = dlerror();
	log_error("library.missing", log_text("reason", why ? why : "?"));
	_exit(1);
}

static void *open_library(struct library *library)
{
	pthread_mutex_lock(&lock);
	if (!library->handle)
		library->handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	void *handle = library->handle;
	pthread_mutex_unlock(&lock);
	return handle;
}

void *library_function(struct library *library, void **found, const char *name)
{
	void *function = __atomic_load_n(found, __ATOMIC_ACQUIRE);
	if (function)
		return function;
	void *handle = open_library(library);
	if (!handle || !(function = dlsym(handle, name)))
		missing();
	__atomic_store_n(found, function, __ATOMIC_RELEASE);
	return function;
}
