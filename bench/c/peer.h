/* What a peer has before it defines itself and includes works.h. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST_TOKEN 2888

/* What every byte of a plaintext is. */
#define PLAIN 0x5a

/* Whatever fails ends the program. */
#define CHECK(condition)                                                                          \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);               \
            exit(1);                                                                              \
        }                                                                                         \
    } while (0)

/* Two of the three messages of a logon. */
typedef struct {
    unsigned char challenge[LONGEST_TOKEN], authenticate[LONGEST_TOKEN];
    size_t challenge_length, authenticate_length;
} Tokens;

#endif
