/* Media of cards that are being set (RFC 9610 §3): what data: URLs and blobs hold is kept beside the card, and found as a blob by its hash. */
#include "jmap/contact.h"

struct taking {
	struct jmap_call *call;
	struct arena *arena;
	const json_t *before;
	struct contact_photo *photos;
	size_t count;
	bool changed;
};

static json_t *refuse(const char *key, const char *why)
{
	char property[128];
	snprintf(property, sizeof property, "media/%.100s", key);
	return jmap_set_error("invalidProperties", strchr(key, ' ') ? "media" : property, "%s", why);
}

static struct contact_photo *find_taken(struct taking *taking, struct slice hash)
{
	for (size_t i = 0; i < taking->count; i++)
		if (slice_equal(taking->photos[i].hash, hash))
			return &taking->photos[i];
	return NULL;
}

static bool add_photo(struct taking *taking, struct slice hash, struct slice type, struct slice bytes)
{
	if (find_taken(taking, hash))
		return true;
	if (taking->count == CONTACT_MEDIA_COUNT_MAX)
		return false;
	taking->photos[taking->count++] = (struct contact_photo){hash, type, bytes};
	return true;
}

/* Did the card have it already? */
static bool had(const struct taking *taking, struct slice blob)
{
	const char *key;
	json_t *one;
	json_object_foreach(json_object_get(taking->before, "media"), key, one)
		if (slice_equal(jmap_slice_of(json_object_get(one, "blobId")), blob))
			return true;
	return false;
}

/* The bytes of a blob, and what they are, in the call's arena. */
static json_t *read_blob(struct taking *taking, const char *key, json_t *medium, struct slice id, struct slice *bytes, struct slice *type)
{
	struct jmap_blob blob;
	struct error error;
	struct slice given = jmap_slice_of(json_object_get(medium, "mediaType"));
	if (!jmap_blob_open(taking->call, id, &blob, &error))
		return error.kind == ERROR_NOT_FOUND ? refuse(key, "there is no such blob") : jmap_set_error_of(&error);
	bool fits = blob.bytes.len <= CONTACT_MEDIA_MAX;
	const char *image = contact_image_type(blob.bytes);
	*bytes = fits ? arena_copy(taking->arena, blob.bytes) : (struct slice){0};
	*type = arena_copy(taking->arena, given.len > 0 ? given : image ? slice_of(image) : blob.type.len > 0 ? blob.type : SLICE("application/octet-stream"));
	jmap_blob_close(&blob);
	return fits ? NULL : refuse(key, "it is too large");
}

static bool is_photo(const json_t *medium) { return slice_equal(jmap_slice_of(json_object_get(medium, "kind")), SLICE("photo")); }

static json_t *take_blob(struct taking *taking, const char *key, json_t *medium, struct slice id)
{
	char hash[CONTACT_HASH_LEN + 1], own[CONTACT_HASH_LEN + 2] = {CONTACT_BLOB_LETTER};
	struct slice bytes, type;
	json_t *refusal = read_blob(taking, key, medium, id, &bytes, &type);
	if (refusal)
		return refusal;
	if (is_photo(medium) && !contact_image_type(bytes))
		return refuse(key, "that is no image");
	contact_hash(bytes, hash);
	memcpy(own + 1, hash, sizeof hash);
	if (!slice_equal(id, slice_of(own)) || !json_object_get(medium, "mediaType")) {
		json_object_set_new(medium, "blobId", json_string(own));
		json_object_set_new(medium, "mediaType", jmap_text(type));
		taking->changed = true;
	}
	return add_photo(taking, arena_copy(taking->arena, slice_of(hash)), type, bytes) ? NULL : refuse(key, "it is one too many");
}

static json_t *take_medium(struct taking *taking, const char *key, json_t *medium)
{
	struct slice id = jmap_resolve_id(taking->call, jmap_slice_of(json_object_get(medium, "blobId")));
	const char *hash = contact_blob_hash(id);
	if (id.len == 0)
		return json_object_get(medium, "blobId") ? refuse(key, "there is no such blob") : NULL;
	if (hash && find_taken(taking, slice_make(hash, CONTACT_HASH_LEN)))
		return NULL;
	if (hash && had(taking, id))
		return add_photo(taking, slice_make(hash, CONTACT_HASH_LEN), (struct slice){0}, (struct slice){0}) ? NULL : refuse(key, "it is one too many");
	return take_blob(taking, key, medium, id);
}

/* What was data: URLs. */
static json_t *take_urls(struct taking *taking, json_t *card)
{
	struct contact_medium *media;
	struct contact_problem problem;
	size_t count;
	if (!contact_media_take(card, false, taking->arena, &media, &count, &problem))
		return jmap_set_error("invalidProperties", strchr(problem.property, ' ') ? "media" : problem.property, "%s", problem.why);
	taking->changed |= count > 0;
	for (size_t i = 0; i < count; i++)
		add_photo(taking, slice_of(media[i].hash), media[i].type, media[i].bytes);
	return NULL;
}

json_t *jmap_card_take_media(struct jmap_call *call, struct arena *arena, json_t *card, const json_t *before, struct contact_photo **photos, size_t *count, bool *changed)
{
	const char *key;
	json_t *one, *refusal;
	struct taking taking = {.call = call, .arena = arena, .before = before, .photos = arena_array(arena, CONTACT_MEDIA_COUNT_MAX, sizeof *taking.photos)};
	if ((refusal = take_urls(&taking, card)))
		return refusal;
	json_object_foreach(json_object_get(card, "media"), key, one)
		if ((refusal = take_medium(&taking, key, one)))
			return refusal;
	*photos = taking.photos;
	*count = taking.count;
	*changed = taking.changed;
	return NULL;
}
