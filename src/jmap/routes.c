/* The table of what is asked for over HTTP: the only list of it, from which docs/http.md is made (`pombal manual http`). */
#include "jmap/internal.h"

const struct http_route jmap_routes[] = {
	{.methods = HTTP_GET, .path = "/.well-known/jmap", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_ALL, .unit = UNIT_WORK, .run = jmap_get_session,
	 .about = "The JMAP session (RFC 8620 §2): what there is, and where."},
	{.methods = HTTP_GET, .path = "/jmap/session", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_ALL, .unit = UNIT_WORK, .run = jmap_get_session, .about = "The same."},
	{.methods = HTTP_POST, .path = "/jmap/api", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_ALL, .unit = UNIT_WORK, .body_max = JMAP_REQUEST_MAX, .admit = jmap_api_admit, .run = jmap_api,
	 .drop = jmap_api_drop, .about = "Requests of JMAP (RFC 8620 §3): see docs/jmap.md."},
	{.methods = HTTP_POST, .path = "/jmap/upload/*", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_CHANGE | AUTH_MAY_SEND, .unit = UNIT_WORK, .body_max = SIZE_MAX,
	 .admit = jmap_upload_admit, .take = jmap_upload_take, .run = jmap_upload, .drop = jmap_upload_drop,
	 .about = "Takes binary data (RFC 8620 §6.1), `max_message` bytes at most: the path goes on with the account's id and a slash."},
	{.methods = HTTP_GET, .path = "/jmap/download/*", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_READ, .unit = UNIT_WORK, .run = jmap_download,
	 .about = "Gives binary data (RFC 8620 §6.2): the path goes on with the account's id, a slash, and that of the blob; parameters type and name."},
	{.methods = HTTP_GET, .path = "/jmap/events", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_READ, .unit = UNIT_WORK, .run = jmap_events,
	 .about = "An event source (RFC 8620 §7.3): parameters types, closeafter, ping."},
	{.methods = HTTP_GET, .path = "/jmap/ws", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_ALL, .unit = UNIT_WORK, .run = jmap_websocket,
	 .about = "JMAP over a WebSocket (RFC 8887), subprotocol jmap: requests, and news of changes."},
};
const size_t jmap_route_count = sizeof jmap_routes / sizeof *jmap_routes;
