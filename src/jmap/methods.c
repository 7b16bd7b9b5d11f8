/* The table of methods, and that of types: the only lists of them. */
#include "jmap/blob.h"
#include "jmap/quota.h"

/* Core/echo (RFC 8620 §4). */
static enum net_run core_echo(struct jmap_call *call)
{
	jmap_respond(call, "Core/echo", json_incref(call->arguments));
	return RUN_DONE;
}

const struct jmap_method jmap_methods[] = {
	{"Core/echo", JMAP_CORE, 0, core_echo},
	{"Blob/copy", JMAP_CORE, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_blob_copy},
	{"Blob/upload", JMAP_BLOB, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_blob_upload},
	{"Blob/get", JMAP_BLOB, JMAP_OF_ACCOUNT, jmap_blob_get},
	{"Quota/get", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_get},
	{"Quota/changes", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_changes},
	{"Quota/query", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_query},
	{"Quota/queryChanges", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_query_changes},
};
const size_t jmap_method_count = sizeof jmap_methods / sizeof *jmap_methods;

const struct jmap_type *const jmap_types[] = {
	&jmap_quota_type,
};
const size_t jmap_type_count = sizeof jmap_types / sizeof *jmap_types;
