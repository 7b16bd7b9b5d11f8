/* DEFLATE; see deflate.h. Both streams are raw, and each piece that is sent ends at a byte (Z_SYNC_FLUSH), so that the client can read it. */
#include "imap/deflate.h"

#include <zlib.h>

#include "base/memory.h"

enum {
	WINDOW_BITS = 13,          /* 8 KiB to refer back to: what more would save isn't worth its memory */
	MEMORY_LEVEL = 6,          /* 16 KiB for hashes, 16 KiB for what is gathered */
	LEVEL = 3,
	STEP = 4 * 1024,
	CLIENT_WINDOW_BITS = 15,   /* the client chooses */
	CLIENT_WINDOW = 1 << CLIENT_WINDOW_BITS,
	SINCE_MAX = 8,             /* bytes of a block that stands for nothing, with which a client ends what it says */
	/* z_stream.data_type after inflate(): bits of the last byte that are left, and where it stopped */
	BITS_LEFT = 7,
	BEHIND_LAST_BLOCK = 64 + 128,
	BETWEEN_BLOCKS = 128,
};

struct deflate {
	z_stream out, in;
	bool packs, unpacks;       /* out, in are there; if not, they rest */
	bool ended;                /* the client has said that it has said all */
	/* Where `in` can be left, and gone on from: the border of two blocks that it met last, while nothing was unpacked since. */
	bool can_rest;
	int bits_left;             /* so many bits of the border's byte follow it, */
	unsigned char last;        /* which is this one, */
	unsigned char since[SINCE_MAX]; /* and then these bytes */
	size_t since_len;
	struct slice said;         /* while it rests: the last that it unpacked; malloc'ed */
};

void *imap_deflate_new(void)
{
	struct deflate *self = memory_new(sizeof *self);
	self->can_rest = true;
	return self;
}

static void begin_packing(struct deflate *self)
{
	self->out = (z_stream){0};
	if (deflateInit2(&self->out, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		memory_exhausted(0);
	self->packs = true;
}

static void send_packed(void *state, struct slice bytes, struct buf *out)
{
	struct deflate *self = state;
	char *at;
	if (!self->packs)
		begin_packing(self);
	self->out.next_in = (unsigned char *)(uintptr_t)bytes.at;
	self->out.avail_in = (unsigned)bytes.len;
	do {
		if (!(at = buf_reserve(out, STEP)))
			return;
		self->out.next_out = (unsigned char *)at;
		self->out.avail_out = STEP;
		deflate(&self->out, Z_SYNC_FLUSH);
		buf_claim(out, STEP - self->out.avail_out);
	} while (self->out.avail_out == 0);
}

/* Goes on where it rested. */
static void begin_unpacking(struct deflate *self)
{
	unsigned char nothing;
	self->in = (z_stream){.next_in = self->since, .avail_in = (unsigned)self->since_len, .next_out = &nothing, .avail_out = 1};
	if (inflateInit2(&self->in, -CLIENT_WINDOW_BITS) != Z_OK)
		memory_exhausted(0);
	if (self->bits_left > 0)
		inflatePrime(&self->in, self->bits_left, self->last >> (8 - self->bits_left));
	if (self->said.len > 0)
		inflateSetDictionary(&self->in, (const unsigned char *)self->said.at, (unsigned)self->said.len);
	if (self->since_len > 0)
		inflate(&self->in, Z_BLOCK);
	free((char *)self->said.at);
	self->said = (struct slice){NULL, 0};
	self->unpacks = true;
}

/* These bytes were taken since it was called last, up to a border or the end of what there is; `gave`: and stood for something. */
static void note_taken(struct deflate *self, struct slice taken, bool gave)
{
	if (self->in.data_type & BETWEEN_BLOCKS) {
		self->can_rest = true;
		self->bits_left = self->in.data_type & BITS_LEFT;
		self->last = taken.len > 0 ? (unsigned char)taken.at[taken.len - 1] : self->last;
		self->since_len = 0;
	} else if (gave || taken.len > SINCE_MAX - self->since_len) {
		self->can_rest = false;
		self->since_len = 0;
	} else if (self->can_rest && taken.len > 0) {
		memcpy(self->since + self->since_len, taken.at, taken.len);
		self->since_len += taken.len;
	}
}

/* Unpacks up to a border of blocks, the end of what there is, or as far as there is room. */
static int unpack_some(struct deflate *self, struct slice *wire)
{
	unsigned room = self->in.avail_out;
	self->in.next_in = (unsigned char *)(uintptr_t)wire->at;
	self->in.avail_in = (unsigned)wire->len;
	int result = inflate(&self->in, Z_BLOCK);
	size_t taken = wire->len - self->in.avail_in;
	note_taken(self, slice_sub(*wire, 0, taken), self->in.avail_out < room);
	*wire = slice_skip(*wire, taken);
	return (self->in.data_type & BEHIND_LAST_BLOCK) == BEHIND_LAST_BLOCK ? Z_STREAM_END : result;
}

static ssize_t receive_packed(void *state, struct slice *wire, char *at, size_t room)
{
	struct deflate *self = state;
	int result = Z_OK;
	if (self->ended)
		return wire->len > 0 ? -1 : 0;
	if (!self->unpacks)
		begin_unpacking(self);
	self->in.next_out = (unsigned char *)at;
	self->in.avail_out = (unsigned)room;
	do
		result = unpack_some(self, wire);
	while (result == Z_OK && wire->len > 0 && self->in.avail_out > 0);
	self->ended = result == Z_STREAM_END;
	if ((result < 0 && result != Z_BUF_ERROR) || (self->ended && wire->len > 0))
		return -1;
	return (ssize_t)(room - self->in.avail_out);
}

/* A new stream may follow what is sent at any time, since the last piece ended at a byte. What is received can be left at a border of two
 * blocks, where a client is that has finished a command, or a few bits behind it. */
static void rest(void *state)
{
	struct deflate *self = state;
	unsigned char said[CLIENT_WINDOW];
	unsigned len = 0;
	if (self->packs)
		deflateEnd(&self->out);
	self->packs = false;
	if (!self->unpacks || !self->can_rest)
		return;
	inflateGetDictionary(&self->in, said, &len);
	inflateEnd(&self->in);
	self->said = slice_make(memory_copy((char *)said, len), len);
	self->unpacks = false;
}

static void free_deflate(void *state)
{
	struct deflate *self = state;
	if (self->packs)
		deflateEnd(&self->out);
	if (self->unpacks)
		inflateEnd(&self->in);
	free((char *)self->said.at);
	free(self);
}

const struct conn_filter imap_deflate = {send_packed, receive_packed, rest, free_deflate};
