/* OpenSSL's MD5 and RC4, bare: PRIMITIVE SIZE MILLISECONDS prints the rate per second of md5 or rc4 over SIZE bytes. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "measure.h"

typedef struct {
    EVP_MD *md5;
    EVP_MD_CTX *digest;
    EVP_CIPHER_CTX *rc4;
    unsigned char *data;
    size_t size;
} State;

static double md5(void *of_state, long times)
{
    State *state = of_state;
    unsigned char digest[EVP_MAX_MD_SIZE];
    double start = processor_time();
    while (times-- > 0) {
        CHECK(EVP_DigestInit_ex2(state->digest, state->md5, NULL) && EVP_DigestUpdate(state->digest, state->data, state->size) &&
              EVP_DigestFinal_ex(state->digest, digest, NULL));
    }
    return processor_time() - start;
}

static double rc4(void *of_state, long times)
{
    State *state = of_state;
    double start = processor_time();
    int length;
    while (times-- > 0) {
        CHECK(EVP_EncryptUpdate(state->rc4, state->data, &length, state->data, (int)state->size));
    }
    return processor_time() - start;
}

int main(int count, char **arguments)
{
    static const unsigned char key[16] = "0123456789abcdef";
    State state;
    EVP_CIPHER *cipher;
    double budget;

    if (count != 4) {
        fprintf(stderr, "usage: %s md5|rc4 SIZE MILLISECONDS\n", arguments[0]);
        return 2;
    }
    state.size = strtoul(arguments[2], NULL, 10);
    budget = strtod(arguments[3], NULL) / 1000;
    state.data = calloc(state.size, 1);
    CHECK(state.data != NULL);
    CHECK(OSSL_PROVIDER_load(NULL, "legacy") != NULL && OSSL_PROVIDER_load(NULL, "default") != NULL);
    state.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    state.digest = EVP_MD_CTX_new();
    cipher = EVP_CIPHER_fetch(NULL, "RC4", NULL);
    state.rc4 = EVP_CIPHER_CTX_new();
    CHECK(state.md5 != NULL && state.digest != NULL && cipher != NULL && state.rc4 != NULL);
    CHECK(EVP_EncryptInit_ex2(state.rc4, cipher, key, NULL, NULL));
    CHECK(strcmp(arguments[1], "md5") == 0 || strcmp(arguments[1], "rc4") == 0);
    printf("%.6e\n", rate(strcmp(arguments[1], "md5") == 0 ? md5 : rc4, &state, budget));
    return 0;
}
