/* Uploads over HTTP (RFC 8620 §6.1): the body goes to a file of the account as it comes. Who goes away, or stalls, leaves nothing behind. */
#include "jmap/blob.h"

/* How far an upload has come. */
struct uploading {
	struct jmap_request *request;
	struct upload *upload;
};

/* A problem as HTTP has it, for what the store says. */
static void refuse_error(struct http_exchange *exchange, const struct error *error)
{
	struct jmap_problem problem = {500, NULL, NULL, "that didn't work"};
	if (error->kind == ERROR_LIMIT)
		problem = (struct jmap_problem){413, "limit", "maxSizeUpload", "that is more than is taken here"};
	else if (error->kind == ERROR_FULL)
		problem = (struct jmap_problem){507, NULL, NULL, "the disk is full"};
	else if (error->kind == ERROR_TEMPORARY)
		problem = (struct jmap_problem){503, NULL, NULL, "that isn't possible now, try again later"};
	jmap_refuse(exchange, &problem);
}

bool jmap_is_own_account(const struct jmap_request *request, struct slice id)
{
	return slice_equal(id, slice_of(request->account_id));
}

/* Opens the account, if it is the one that the path names. */
static bool open_account(struct http_exchange *exchange, struct jmap_request *request)
{
	struct jmap_problem problem;
	struct slice id, rest;
	slice_cut(slice_skip(exchange->path, sizeof "/jmap/upload/" - 1), '/', &id, &rest);
	bool open = jmap_request_open(request, &problem);
	if (open && (!jmap_is_own_account(request, id) || rest.len > 0)) {
		problem = (struct jmap_problem){404, NULL, NULL, "there is no such account"};
		open = false;
	}
	if (!open)
		jmap_refuse(exchange, &problem);
	return open;
}

enum net_run jmap_upload_admit(struct http_exchange *exchange)
{
	struct error error;
	uint64_t most = (uint64_t)exchange->config->max_message;
	if (exchange->head.length > most) {
		refuse_error(exchange, &(struct error){.kind = ERROR_LIMIT});
		return RUN_DONE;
	}
	if (!jmap_admit(exchange, JMAP_SHARE_UPLOAD, "maxConcurrentUpload"))
		return RUN_DONE;
	struct uploading *self = exchange->state = arena_alloc(exchange->arena, sizeof *self);
	self->request = jmap_make_request(exchange);
	exchange->body_max = (size_t)most;
	if (open_account(exchange, self->request)) {
		self->upload = upload_new(self->request->account, exchange->head.length, most, (uint64_t)exchange->config->upload_room, &error);
		if (!self->upload)
			refuse_error(exchange, &error);
	}
	return RUN_DONE;
}

void jmap_upload_take(struct http_exchange *exchange, struct slice piece)
{
	struct error error;
	struct uploading *self = exchange->state;
	if (!upload_write(self->upload, piece, &error))
		refuse_error(exchange, &error);
}

/* The type as it was said (RFC 6838 §4.2), if it can be one. */
static struct slice type_of(const struct http_exchange *exchange)
{
	struct slice type;
	return http_head_find(&exchange->head, "Content-Type", &type) && slice_find_char(type, '/') != SLICE_NONE && slice_is_printable(type)
		       ? type
		       : SLICE("application/octet-stream");
}

enum net_run jmap_upload(struct http_exchange *exchange)
{
	struct error error;
	struct uploading *self = exchange->state;
	int64_t id;
	uint64_t size;
	if (!upload_keep(&self->upload, &id, &size, &error) || !store_sync(self->request->service->store, &error)) {
		refuse_error(exchange, &error);
		return RUN_DONE;
	}
	jmap_answer_json(exchange, 201, "application/json",
			 json_pack("{s:s, s:o, s:o, s:I}", "accountId", self->request->account_id, "blobId", jmap_id(JMAP_ID_UPLOAD, id), "type", jmap_text(type_of(exchange)),
				   "size", (json_int_t)size));
	return RUN_DONE;
}

void jmap_upload_drop(struct http_exchange *exchange)
{
	struct uploading *self = exchange->state;
	if (!self)
		return;
	upload_abort(&self->upload);
	jmap_request_close(self->request);
	jmap_share_leave(exchange->person.account, JMAP_SHARE_UPLOAD);
	exchange->state = NULL;
}
