/* The table of capabilities (RFC 8620 §2): the only list of them. What isn't here isn't announced. */
#include "jmap/blob.h"
#include "jmap/contact.h"
#include "jmap/mail.h"
#include "jmap/push_internal.h"
#include "jmap/quarantine.h"
#include "jmap/recovery.h"
#include "jmap/send.h"
#include "jmap/spelling.h"

static json_t *about_core(const struct jmap_request *request)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:[s]}", "maxSizeUpload", (json_int_t)request->config->max_message, "maxConcurrentUpload", JMAP_UPLOADS_MAX,
			 "maxSizeRequest", JMAP_REQUEST_MAX, "maxConcurrentRequests", JMAP_CONCURRENT_MAX, "maxCallsInRequest", JMAP_CALLS_MAX, "maxObjectsInGet",
			 JMAP_GET_MAX, "maxObjectsInSet", JMAP_SET_MAX, "collationAlgorithms", "i;ascii-casemap");
}

/* RFC 8887 §3.1. */
static json_t *about_websocket(const struct jmap_request *request)
{
	struct slice scheme, rest;
	slice_cut(request->origin, ':', &scheme, &rest);
	return json_pack("{s:o, s:b}", "url", jmap_text(arena_printf(request->arena, "%s:%.*s/jmap/ws", slice_equal(scheme, SLICE("https")) ? "wss" : "ws", SLICE_ARG(rest))),
			 "supportsPush", 1);
}

const struct jmap_capability_row jmap_capabilities[JMAP_CAPABILITY_COUNT] = {
	[JMAP_MAIL] = {.urn = "urn:ietf:params:jmap:mail", .about_account = jmap_mail_about},
	[JMAP_CORE] = {.urn = "urn:ietf:params:jmap:core", .about = about_core, .bare_account = true},
	[JMAP_BLOB] = {.urn = "urn:ietf:params:jmap:blob", .about_account = jmap_about_blobs},
	[JMAP_SNOOZE] = {.urn = "urn:pombal:params:jmap:snooze", .bare_account = true}, /* Email/snoozed: email_snooze.h */
	[JMAP_RECOVERY] = {.urn = "urn:pombal:params:jmap:recovery", .about_account = jmap_recovery_about},
	[JMAP_QUARANTINE] = {.urn = "urn:pombal:params:jmap:quarantine", .about_account = jmap_quarantine_about},
	[JMAP_STORY] = {.urn = "urn:pombal:params:jmap:story", .bare_account = true}, /* story.h */
	[JMAP_SPELLING] = {.urn = "urn:pombal:params:jmap:spelling", .about_account = jmap_spelling_about, .offered = jmap_spelling_is_offered},
	[JMAP_QUOTA] = {.urn = "urn:ietf:params:jmap:quota", .bare_account = true},
	[JMAP_CONTACTS] = {.urn = "urn:ietf:params:jmap:contacts", .about_account = jmap_contact_about},
	[JMAP_WEBSOCKET] = {.urn = "urn:ietf:params:jmap:websocket", .about = about_websocket},
	[JMAP_SUBMISSION] = {.urn = "urn:ietf:params:jmap:submission", .about_account = jmap_send_about},
	[JMAP_MDN] = {.urn = "urn:ietf:params:jmap:mdn", .bare_account = true},
	[JMAP_VAPID] = {.urn = "urn:ietf:params:jmap:webpush-vapid", .about = jmap_push_about_key, .offered = jmap_push_has_key},
	[JMAP_EMAIL_PUSH] = {.urn = "urn:ietf:params:jmap:emailpush", .bare_account = true, .offered = jmap_push_is_offered},
	[JMAP_VACATION] = {.urn = "urn:ietf:params:jmap:vacationresponse", .bare_account = true},
};
