/* Of libgsasl, which speaks SASL's mechanisms: auth, and the courier where a smarthost asks who it is. */
#include <gsasl.h>

#include "lazy/library.h"

static struct library gsasl = {"libgsasl.so.18", NULL};

LIBRARY_FUNCTION(gsasl, int, gsasl_init, (Gsasl **context), (context))
LIBRARY_PROCEDURE(gsasl, gsasl_done, (Gsasl *context), (context))
LIBRARY_PROCEDURE(gsasl, gsasl_callback_set, (Gsasl *context, Gsasl_callback_function callback), (context, callback))
LIBRARY_PROCEDURE(gsasl, gsasl_callback_hook_set, (Gsasl *context, void *hook), (context, hook))
LIBRARY_FUNCTION(gsasl, void *, gsasl_callback_hook_get, (Gsasl *context), (context))
LIBRARY_PROCEDURE(gsasl, gsasl_session_hook_set, (Gsasl_session *session, void *hook), (session, hook))
LIBRARY_FUNCTION(gsasl, void *, gsasl_session_hook_get, (Gsasl_session *session), (session))
LIBRARY_FUNCTION(gsasl, int, gsasl_property_set, (Gsasl_session *session, Gsasl_property property, const char *data), (session, property, data))
LIBRARY_FUNCTION(gsasl, int, gsasl_property_set_raw, (Gsasl_session *session, Gsasl_property property, const char *data, size_t len),
		 (session, property, data, len))
LIBRARY_FUNCTION(gsasl, const char *, gsasl_property_fast, (Gsasl_session *session, Gsasl_property property), (session, property))
LIBRARY_FUNCTION(gsasl, int, gsasl_client_start, (Gsasl *context, const char *mechanism, Gsasl_session **session), (context, mechanism, session))
LIBRARY_FUNCTION(gsasl, int, gsasl_server_start, (Gsasl *context, const char *mechanism, Gsasl_session **session), (context, mechanism, session))
LIBRARY_FUNCTION(gsasl, int, gsasl_step, (Gsasl_session *session, const char *input, size_t input_len, char **output, size_t *output_len),
		 (session, input, input_len, output, output_len))
LIBRARY_FUNCTION(gsasl, int, gsasl_step64, (Gsasl_session *session, const char *input, char **output), (session, input, output))
LIBRARY_PROCEDURE(gsasl, gsasl_finish, (Gsasl_session *session), (session))
LIBRARY_FUNCTION(gsasl, const char *, gsasl_strerror, (int error), (error))
LIBRARY_FUNCTION(gsasl, int, gsasl_saslprep, (const char *in, Gsasl_saslprep_flags flags, char **out, int *reason), (in, flags, out, reason))
LIBRARY_FUNCTION(gsasl, int, gsasl_scram_secrets_from_salted_password,
		 (Gsasl_hash hash, const char *salted_password, char *client_key, char *server_key, char *stored_key),
		 (hash, salted_password, client_key, server_key, stored_key))
LIBRARY_PROCEDURE(gsasl, gsasl_free, (void *memory), (memory))
