/* Frames of a WebSocket (RFC 6455 §5): pure. A client's are masked; ours are not. */
#ifndef HTTP_FRAME_H
#define HTTP_FRAME_H

#include "base/buf.h"

enum {
	HTTP_FRAME_MAX = 64 * 1024,    /* bytes of a client's frame; a larger one, where it is taken, comes in pieces of this size */
	HTTP_MESSAGE_MAX = 256 * 1024, /* … and of a message of several, where nothing else is said */
	HTTP_CONTROL_MAX = 125,        /* of a ping, a pong or a close (§5.5) */
	HTTP_FRAME_HEAD_MAX = 14,
	HTTP_ACCEPT_SIZE = 28,
};
enum http_opcode { HTTP_CONTINUES = 0, HTTP_TEXT = 1, HTTP_BINARY = 2, HTTP_CLOSES = 8, HTTP_PING = 9, HTTP_PONG = 10 };
/** Why a WebSocket is closed (§7.4.1). */
enum http_close { HTTP_CLOSE_NORMAL = 1000, HTTP_CLOSE_GOING = 1001, HTTP_CLOSE_PROTOCOL = 1002, HTTP_CLOSE_KIND = 1003, HTTP_CLOSE_TEXT = 1007, HTTP_CLOSE_POLICY = 1008, HTTP_CLOSE_LARGE = 1009 };

struct http_frames {
	size_t most;   /* bytes of a frame, if more than HTTP_FRAME_MAX */
	bool within;   /* a message has begun and not ended */
	uint64_t left; /* of a frame that comes in pieces */
	bool last;     /* … : it is the last of its message */
	char mask[4];  /* … */
};
struct http_frame {
	enum http_opcode opcode;
	bool last;            /* of its message */
	struct slice payload; /* unmasked, in `room` */
};

/** How many bytes of `input` the next frame takes, with its head; 0: more must come to tell, or for the rest; more than input.len isn't
 * returned. What can't be a frame that is taken counts as one of its head: http_frame_take() says why. */
size_t http_frame_length(const struct http_frames *frames, struct slice input);
/** Reads a frame of that length (of a large one a piece, as if each were a frame); its payload goes to `room`, which is emptied. 0, or why the WebSocket is closed. */
int http_frame_take(struct http_frames *frames, struct slice unit, struct buf *room, struct http_frame *frame);
/** Appends the head of a whole message of ours, of that length. */
void http_frame_put_head(struct buf *out, enum http_opcode opcode, size_t length);
/** Appends all of it. */
void http_frame_put(struct buf *out, enum http_opcode opcode, struct slice payload);
/** What the server answers to a client's key (§4.2.2); false: it isn't one. */
bool http_frame_accept(struct slice key, struct buf *out);

#endif
