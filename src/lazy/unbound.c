/* Of libunbound, which asks the DNS: the courier, and `pombal check`. */
#include <unbound.h>

#include "lazy/library.h"

static struct library unbound = {"libunbound.so.8", NULL};

LIBRARY_FUNCTION(unbound, struct ub_ctx *, ub_ctx_create, (void), ())
LIBRARY_PROCEDURE(unbound, ub_ctx_delete, (struct ub_ctx *context), (context))
LIBRARY_FUNCTION(unbound, int, ub_ctx_set_option, (struct ub_ctx *context, const char *option, const char *value), (context, option, value))
LIBRARY_FUNCTION(unbound, int, ub_ctx_resolvconf, (struct ub_ctx *context, const char *path), (context, path))
LIBRARY_FUNCTION(unbound, int, ub_ctx_set_fwd, (struct ub_ctx *context, const char *address), (context, address))
LIBRARY_FUNCTION(unbound, int, ub_ctx_add_ta_file, (struct ub_ctx *context, const char *path), (context, path))
LIBRARY_FUNCTION(unbound, int, ub_ctx_debugout, (struct ub_ctx *context, void *out), (context, out))
LIBRARY_FUNCTION(unbound, int, ub_ctx_async, (struct ub_ctx *context, int threads), (context, threads))
LIBRARY_FUNCTION(unbound, int, ub_ctx_zone_remove, (struct ub_ctx *context, const char *zone), (context, zone))
LIBRARY_FUNCTION(unbound, int, ub_fd, (struct ub_ctx *context), (context))
LIBRARY_FUNCTION(unbound, int, ub_process, (struct ub_ctx *context), (context))
LIBRARY_FUNCTION(unbound, int, ub_resolve_async, (struct ub_ctx *context, const char *name, int type, int class, void *data, ub_callback_type callback, int *id),
		 (context, name, type, class, data, callback, id))
LIBRARY_FUNCTION(unbound, int, ub_cancel, (struct ub_ctx *context, int id), (context, id))
LIBRARY_PROCEDURE(unbound, ub_resolve_free, (struct ub_result *result), (result))
