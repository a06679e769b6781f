/* Tokens and messages over TCP: a length of four bytes, the highest first, and that many bytes. */
#ifndef TCP_H
#define TCP_H

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Nothing here is longer. What the peer says is not believed beyond this. */
#define LONGEST 65536

static inline int transfer_all(int socket, void *memory, size_t length, int sending)
{
    char *place = (char *)memory;
    while (length > 0) {
        ssize_t moved = sending ? send(socket, place, length, MSG_NOSIGNAL) : recv(socket, place, length, 0);
        if (moved <= 0) {
            return -1;
        }
        place += moved;
        length -= (size_t)moved;
    }
    return 0;
}

static inline int send_bytes(int socket, const void *memory, size_t length)
{
    unsigned char header[4] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16), (unsigned char)(length >> 8), (unsigned char)length};
    if (transfer_all(socket, header, sizeof header, 1) != 0) {
        return -1;
    }
    return transfer_all(socket, (void *)(uintptr_t)memory, length, 1);
}

/* Receives into `memory`, which has room for LONGEST bytes. -1 when the peer is gone or sends too much. */
static inline int receive_bytes(int socket, void *memory, size_t *length)
{
    unsigned char header[4];
    if (transfer_all(socket, header, sizeof header, 0) != 0) {
        return -1;
    }
    *length = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
    return *length > LONGEST ? -1 : transfer_all(socket, memory, *length, 0);
}

#endif
