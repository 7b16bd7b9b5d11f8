/* Of libcurl, which speaks HTTP as a client (net/fetch.c, s3/client.c): the roles that fetch something. */
#define CURL_DISABLE_TYPECHECK
#define curl_url_get curl_url_get_of_this_version /* whose first argument is constant in some */
#include <curl/curl.h>
#include <stdarg.h>

#include "lazy/library.h"

/* Functions with any arguments can't be handed on as they are: one of them is taken, of the type that the option says. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#undef curl_url_get
CURLUcode curl_url_get(const CURLU *url, CURLUPart part, char **text, unsigned flags);

static struct library curl = {"libcurl.so.4", NULL};

LIBRARY_FUNCTION(curl, CURLcode, curl_global_init, (long flags), (flags))
LIBRARY_FUNCTION(curl, CURL *, curl_easy_init, (void), ())
LIBRARY_FUNCTION(curl, CURLcode, curl_easy_perform, (CURL *handle), (handle))
LIBRARY_PROCEDURE(curl, curl_easy_cleanup, (CURL *handle), (handle))
LIBRARY_PROCEDURE(curl, curl_easy_reset, (CURL *handle), (handle))
LIBRARY_FUNCTION(curl, const char *, curl_easy_strerror, (CURLcode code), (code))
LIBRARY_FUNCTION(curl, struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *text), (list, text))
LIBRARY_PROCEDURE(curl, curl_slist_free_all, (struct curl_slist *list), (list))
LIBRARY_FUNCTION(curl, CURLU *, curl_url, (void), ())
LIBRARY_PROCEDURE(curl, curl_url_cleanup, (CURLU *url), (url))
LIBRARY_FUNCTION(curl, CURLUcode, curl_url_set, (CURLU *url, CURLUPart part, const char *text, unsigned flags), (url, part, text, flags))
LIBRARY_FUNCTION(curl, CURLUcode, curl_url_get, (const CURLU *url, CURLUPart part, char **text, unsigned flags), (url, part, text, flags))
LIBRARY_PROCEDURE(curl, curl_free, (void *memory), (memory))

CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
	static void *found;
	__typeof__(&curl_easy_setopt) function = (__typeof__(&curl_easy_setopt))library_function(&curl, &found, "curl_easy_setopt");
	CURLcode result;
	va_list arguments;
	va_start(arguments, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		result = function(handle, option, va_arg(arguments, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		result = function(handle, option, va_arg(arguments, curl_off_t));
	else
		result = function(handle, option, va_arg(arguments, void *)); /* a function's address, too: POSIX has them alike */
	va_end(arguments);
	return result;
}

CURLcode curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
	static void *found;
	__typeof__(&curl_easy_getinfo) function = (__typeof__(&curl_easy_getinfo))library_function(&curl, &found, "curl_easy_getinfo");
	va_list arguments;
	va_start(arguments, info);
	CURLcode result = function(handle, info, va_arg(arguments, void *));
	va_end(arguments);
	return result;
}
