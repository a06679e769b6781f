/* Client and server in one process: the loop of the page through the W and the A table, with both kinds of buffers; then messages and attributes. */
#include "check.h"

#define CLIENT_REQ (ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT | ISC_REQ_CONNECTION)
#define SERVER_REQ (ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT | ASC_REQ_CONNECTION)

/* The client's leg through either table. `input` is the server's token. */
static SECURITY_STATUS client_leg(int wide, const CredHandle *credential, CtxtHandle *context, int first, ULONG req,
                                  SecBuffer *input, SecBuffer *output, ULONG *attr, TimeStamp *expiry)
{
    SecBufferDesc in = descriptor(input, 1), out = descriptor(output, 1);
    if (wide) {
        return InitSecurityInterfaceW()->InitializeSecurityContextW(
            (PCredHandle)(uintptr_t)credential, first ? NULL : context, u"HTTP/server.example.test", req, 0, SECURITY_NATIVE_DREP,
            input == NULL ? NULL : &in, 0, context, &out, attr, expiry);
    }
    return InitSecurityInterfaceA()->InitializeSecurityContextA(
        (PCredHandle)(uintptr_t)credential, first ? NULL : context, "HTTP/server.example.test", req, 0, SECURITY_NETWORK_DREP,
        input == NULL ? NULL : &in, 0, context, &out, attr, expiry);
}

static void acquire(int wide, const char *package, CredHandle *client, CredHandle *server)
{
    TimeStamp expiry;
    if (wide) {
        SEC_WINNT_AUTH_IDENTITY_W identity;
        static unsigned short name[] = {'a', 'l', 'i', 'c', 'e'}, domain[] = {'E', 'x', 'a', 'm', 'p', 'l', 'e'},
                              password[] = {'P', 'a', 's', 's', 'w', '0', 'r', 'd', '!'};
        SEC_WCHAR package_w[16] = {0};
        size_t i;
        for (i = 0; package[i] != 0; i++) {
            package_w[i] = (SEC_WCHAR)package[i];
        }
        memset(&identity, 0, sizeof identity);
        identity.User = name;
        identity.UserLength = 5;
        identity.Domain = domain;
        identity.DomainLength = 7;
        identity.Password = password;
        identity.PasswordLength = 9;
        identity.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
        STATUS(AcquireCredentialsHandleW(NULL, package_w, SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, client, &expiry),
               SEC_E_OK);
        CHECK(expiry.QuadPart == INT64_C(0x7FFFFF36D5969FFF));
        STATUS(AcquireCredentialsHandleW(u"Principal", package_w, SECPKG_CRED_BOTH, NULL, NULL, NULL, NULL, server, NULL), SEC_E_OK);
    } else {
        SEC_WINNT_AUTH_IDENTITY_A identity = alice();
        STATUS(AcquireCredentialsHandleA(NULL, package, SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, client, &expiry), SEC_E_OK);
        STATUS(AcquireCredentialsHandleA(NULL, package, SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, server, NULL), SEC_E_OK);
    }
}

/* The exchange; `allocate` is whose memory the tokens are in. */
static void exchange(int wide, const char *package, int allocate, Pair *pair)
{
    static unsigned char memory[3][2888];
    ULONG isc = CLIENT_REQ | (allocate ? ISC_REQ_ALLOCATE_MEMORY : 0);
    ULONG asc = SERVER_REQ | (allocate ? ASC_REQ_ALLOCATE_MEMORY : 0);
    SecBuffer negotiate = buffer(SECBUFFER_TOKEN, allocate ? NULL : memory[0], allocate ? 0 : sizeof memory[0]);
    SecBuffer challenge = buffer(SECBUFFER_TOKEN, allocate ? NULL : memory[1], allocate ? 0 : sizeof memory[1]);
    SecBuffer authenticate = buffer(SECBUFFER_TOKEN, allocate ? NULL : memory[2], allocate ? 0 : sizeof memory[2]);
    SecBuffer last = buffer(SECBUFFER_TOKEN, memory[0], sizeof memory[0]);
    SecBufferDesc in, out;
    CtxtHandle before;
    TimeStamp expiry;
    ULONG attr = 0;

    acquire(wide, package, &pair->client_credential, &pair->server_credential);

    STATUS(client_leg(wide, &pair->client_credential, &pair->client, 1, isc, NULL, &negotiate, &attr, &expiry), SEC_I_CONTINUE_NEEDED);
    CHECK(negotiate.BufferType == SECBUFFER_TOKEN && negotiate.cbBuffer >= 32 && negotiate.cbBuffer < 2888);
    CHECK(memcmp(negotiate.pvBuffer, "NTLMSSP\0\1\0\0\0", 12) == 0);
    CHECK((((unsigned char *)negotiate.pvBuffer)[12] & 0x30) == 0x30);
    CHECK(((attr & ISC_RET_ALLOCATED_MEMORY) != 0) == allocate);
    CHECK(SecIsValidHandle(&pair->client));
    before = pair->client;

    in = descriptor(&negotiate, 1);
    out = descriptor(&challenge, 1);
    STATUS(AcceptSecurityContext(&pair->server_credential, NULL, &in, asc, SECURITY_NATIVE_DREP, &pair->server, &out, &attr, &expiry),
           SEC_I_CONTINUE_NEEDED);
    CHECK(memcmp(challenge.pvBuffer, "NTLMSSP\0\2\0\0\0", 12) == 0);
    CHECK(((attr & ASC_RET_ALLOCATED_MEMORY) != 0) == allocate);

    STATUS(client_leg(wide, NULL, &pair->client, 0, isc, &challenge, &authenticate, &pair->client_attr, &expiry), SEC_E_OK);
    CHECK(memcmp(authenticate.pvBuffer, "NTLMSSP\0\3\0\0\0", 12) == 0);
    CHECK(memcmp(&before, &pair->client, sizeof before) == 0);
    CHECK((pair->client_attr & (ISC_RET_INTEGRITY | ISC_RET_CONFIDENTIALITY | ISC_RET_REPLAY_DETECT | ISC_RET_SEQUENCE_DETECT)) ==
          (ISC_RET_INTEGRITY | ISC_RET_CONFIDENTIALITY | ISC_RET_REPLAY_DETECT | ISC_RET_SEQUENCE_DETECT));
    CHECK((pair->client_attr & (ISC_RET_MUTUAL_AUTH | ISC_RET_DELEGATE | ISC_RET_STREAM)) == 0);

    in = descriptor(&authenticate, 1);
    out = descriptor(&last, 1);
    STATUS(AcceptSecurityContext(NULL, &pair->server, &in, asc, SECURITY_NATIVE_DREP, NULL, &out, &pair->server_attr, &expiry), SEC_E_OK);
    CHECK(last.cbBuffer == 0);
    CHECK((pair->server_attr & (ASC_RET_INTEGRITY | ASC_RET_CONFIDENTIALITY)) == (ASC_RET_INTEGRITY | ASC_RET_CONFIDENTIALITY));
    if (allocate) {
        CHECK(last.pvBuffer == NULL);
        STATUS(FreeContextBuffer(negotiate.pvBuffer), SEC_E_OK);
        STATUS(FreeContextBuffer(challenge.pvBuffer), SEC_E_OK);
        STATUS(FreeContextBuffer(authenticate.pvBuffer), SEC_E_OK);
    } else {
        CHECK(last.pvBuffer == memory[0]);
    }
}

/* A signed message from one side to the other, then a changed one, then the true one. */
static void signatures(CtxtHandle *from, CtxtHandle *to)
{
    char text[] = "signed", header[] = "header";
    unsigned char signature[16];
    ULONG qop = 77;
    SecBuffer parts[3] = {buffer(SECBUFFER_DATA | SECBUFFER_READONLY_WITH_CHECKSUM, header, 6), buffer(SECBUFFER_DATA, text, 6),
                          buffer(SECBUFFER_TOKEN, signature, sizeof signature)};
    SecBufferDesc message = descriptor(parts, 3);

    STATUS(MakeSignature(from, 0, &message, 0), SEC_E_OK);
    CHECK(parts[2].cbBuffer == 16 && memcmp(signature, "\1\0\0\0", 4) == 0);
    CHECK(memcmp(text, "signed", 6) == 0);
    header[0] ^= 1;
    STATUS(VerifySignature(to, &message, 0, &qop), SEC_E_MESSAGE_ALTERED);
    CHECK(qop == 77);
    header[0] ^= 1;
    STATUS(VerifySignature(to, &message, 99, &qop), SEC_E_OK);
    CHECK(qop == 0);
    STATUS(VerifySignature(to, &message, 0, NULL), SEC_E_OUT_OF_SEQUENCE);
}

/* A sealed message in two buffers, and one in a stream. */
static void sealing(CtxtHandle *from, CtxtHandle *to)
{
    char text[] = "sealed", sealed[6];
    unsigned char signature[16], stream[16 + 6];
    ULONG qop = 77;
    SecBuffer parts[3] = {buffer(SECBUFFER_TOKEN, signature, sizeof signature), buffer(SECBUFFER_DATA, text, 6),
                          buffer(SECBUFFER_PADDING, stream, 8)};
    SecBufferDesc message = descriptor(parts, 3);

    STATUS(EncryptMessage(from, 0, &message, 0), SEC_E_OK);
    CHECK(memcmp(text, "sealed", 6) != 0 && parts[2].cbBuffer == 0);
    message.cBuffers = 2;
    STATUS(DecryptMessage(to, &message, 0, &qop), SEC_E_OK);
    CHECK(memcmp(text, "sealed", 6) == 0 && qop == 0);

    /* Both under their old names. */
    qop = 77;
    STATUS(SealMessage(from, 0, &message, 0), SEC_E_OK);
    CHECK(memcmp(text, "sealed", 6) != 0);
    memcpy(sealed, text, 6);
    text[5] ^= 1;
    STATUS(UnsealMessage(to, &message, 0, &qop), SEC_E_MESSAGE_ALTERED);
    CHECK(qop == 77);
    memcpy(text, sealed, 6);
    STATUS(UnsealMessage(to, &message, 0, &qop), SEC_E_OK);
    CHECK(memcmp(text, "sealed", 6) == 0 && qop == 0);

    STATUS(InitSecurityInterfaceA()->EncryptMessage(from, 0, &message, 1), SEC_E_OK);
    memcpy(stream, signature, 16);
    memcpy(stream + 16, text, 6);
    parts[0] = buffer(SECBUFFER_STREAM, stream, sizeof stream);
    parts[1] = buffer(SECBUFFER_DATA, NULL, 0);
    STATUS(DecryptMessage(to, &message, 0, NULL), SEC_E_OK);
    CHECK(parts[1].pvBuffer == stream + 16 && parts[1].cbBuffer == 6);
    CHECK(memcmp(stream + 16, "sealed", 6) == 0);

    /* Signed only, under the old name; what is not encrypted is taken as a signature. */
    parts[0] = buffer(SECBUFFER_TOKEN, signature, sizeof signature);
    parts[1] = buffer(SECBUFFER_DATA, text, 6);
    memcpy(text, "public", 6);
    STATUS(SealMessage(from, SECQOP_WRAP_NO_ENCRYPT, &message, 0), SEC_E_OK);
    CHECK(memcmp(text, "public", 6) == 0);
    STATUS(VerifySignature(to, &message, 0, NULL), SEC_E_OK);

    /* Data that is only read may be there twice, also when it is sent out of band. */
    parts[2] = parts[1];
    message.cBuffers = 3;
    STATUS(EncryptMessage(from, SECQOP_WRAP_OOB_DATA, &message, 0), SEC_E_INVALID_TOKEN);
    STATUS(EncryptMessage(from, SECQOP_WRAP_NO_ENCRYPT | SECQOP_WRAP_OOB_DATA, &message, 0), SEC_E_OK);
    CHECK(memcmp(text, "public", 6) == 0);
    STATUS(VerifySignature(to, &message, 0, NULL), SEC_E_OK);
}

static void attributes(Pair *pair)
{
    SecPkgContext_Sizes sizes;
    SecPkgContext_NamesW names_w, server_names;
    SecPkgContext_NamesA names_a;
    SecPkgContext_SessionKey client_key, server_key;
    SecPkgContext_PackageInfoW package;
    SecPkgContext_NegotiationInfoA negotiation;
    SecPkgContext_KeyInfoA key;
    SecPkgContext_Lifespan lifespan;
    SecPkgContext_PasswordExpiry expiry;
    SecPkgContext_ClientSpecifiedTarget target;
    SecPkgContext_TargetInformation information;
    SecPkgContext_NativeNamesA native;
    SecPkgContext_AuthorityA authority;
    SecPkgContext_DceInfo dce;
    SecPkgContext_Flags flags;
    SecPkgContext_LastClientTokenStatus last;
    SecPkgCredentials_NamesA credential;
    SecPkgCredentials_NamesW credential_w;
    char none[] = "";
    void *untouched = &sizes;

    STATUS(QueryContextAttributesW(&pair->client, SECPKG_ATTR_SIZES, &sizes), SEC_E_OK);
    CHECK(sizes.cbMaxToken == 2888 && sizes.cbMaxSignature == 16 && sizes.cbBlockSize == 0 && sizes.cbSecurityTrailer == 16);
    STATUS(QueryContextAttributesW(&pair->client, SECPKG_ATTR_NAMES, &names_w), SEC_E_OK);
    STATUS(QueryContextAttributesW(&pair->server, SECPKG_ATTR_NAMES, &server_names), SEC_E_OK);
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_NAMES, &names_a), SEC_E_OK);
    /* The client as it was told, the server as the account file has it. */
    CHECK(wide_equal(names_w.sUserName, "EXAMPLE\\alice") || wide_equal(names_w.sUserName, "Example\\alice"));
    CHECK(wide_equal(server_names.sUserName, "EXAMPLE\\alice") && strcmp(names_a.sUserName, "EXAMPLE\\alice") == 0);
    FreeContextBuffer(names_w.sUserName);
    FreeContextBuffer(server_names.sUserName);
    FreeContextBuffer(names_a.sUserName);

    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_SESSION_KEY, &client_key), SEC_E_OK);
    STATUS(QueryContextAttributesW(&pair->server, SECPKG_ATTR_SESSION_KEY, &server_key), SEC_E_OK);
    CHECK(client_key.SessionKeyLength == 16 && server_key.SessionKeyLength == 16);
    CHECK(memcmp(client_key.SessionKey, server_key.SessionKey, 16) == 0);
    FreeContextBuffer(client_key.SessionKey);
    FreeContextBuffer(server_key.SessionKey);

    STATUS(QueryContextAttributesW(&pair->client, SECPKG_ATTR_PACKAGE_INFO, &package), SEC_E_OK);
    CHECK(package.PackageInfo->fCapabilities == 0x82B37 && package.PackageInfo->cbMaxToken == 2888);
    CHECK(package.PackageInfo->wVersion == 1);
    FreeContextBuffer(package.PackageInfo);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_NEGOTIATION_INFO, &negotiation), SEC_E_OK);
    CHECK(negotiation.NegotiationState == SECPKG_NEGOTIATION_COMPLETE && negotiation.PackageInfo->Name != NULL);
    FreeContextBuffer(negotiation.PackageInfo);

    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_KEY_INFO, &key), SEC_E_OK);
    CHECK(key.KeySize == 128 && strcmp(key.sSignatureAlgorithmName, "HMAC-MD5") == 0);
    FreeContextBuffer(key.sSignatureAlgorithmName);
    FreeContextBuffer(key.sEncryptAlgorithmName);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_LIFESPAN, &lifespan), SEC_E_OK);
    CHECK(lifespan.tsStart.QuadPart > INT64_C(132223104000000000) && lifespan.tsExpiry.QuadPart > lifespan.tsStart.QuadPart);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_PASSWORD_EXPIRY, &expiry), SEC_E_OK);
    CHECK(expiry.tsPasswordExpires.QuadPart == INT64_C(0x7FFFFF36D5969FFF));

    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, &target), SEC_E_OK);
    CHECK(wide_equal(target.sTargetName, "HTTP/server.example.test"));
    FreeContextBuffer(target.sTargetName);
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_TARGET_INFORMATION, &information), SEC_E_OK);
    CHECK(information.MarshalledTargetInfoLength > 20);
    FreeContextBuffer(information.MarshalledTargetInfo);
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_NATIVE_NAMES, &native), SEC_E_OK);
    CHECK(strcmp(native.sServerName, "HTTP/server.example.test") == 0);
    FreeContextBuffer(native.sClientName);
    FreeContextBuffer(native.sServerName);
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_AUTHORITY, &authority), SEC_E_OK);
    CHECK(strcmp(authority.sAuthorityName, "EXAMPLE") == 0);
    FreeContextBuffer(authority.sAuthorityName);
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_DCE_INFO, &dce), SEC_E_OK);
    CHECK(dce.AuthzSvc == 0 && wide_length((SEC_WCHAR *)dce.pPac) == 13);
    FreeContextBuffer(dce.pPac);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
    CHECK(flags.Flags == (pair->client_attr & ~(ULONG)ISC_RET_ALLOCATED_MEMORY));
    STATUS(QueryContextAttributesA(&pair->server, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
    CHECK(flags.Flags == (pair->server_attr & ~(ULONG)ASC_RET_ALLOCATED_MEMORY));
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS, &last), SEC_E_OK);
    CHECK(last.LastClientTokenStatus == SecPkgAttrLastClientTokenYes);

    memset(&sizes, 0, sizeof sizes);
    STATUS(QueryContextAttributesExW(&pair->client, SECPKG_ATTR_SIZES, &sizes, 15), SEC_E_BUFFER_TOO_SMALL);
    CHECK(sizes.cbMaxToken == 0 && sizes.cbSecurityTrailer == 0);
    STATUS(QueryContextAttributesExA(&pair->client, SECPKG_ATTR_SIZES, &sizes, 16), SEC_E_OK);
    CHECK(sizes.cbMaxToken == 2888 && sizes.cbSecurityTrailer == 16);
    STATUS(QueryContextAttributesExA(&pair->client, SECPKG_ATTR_SIZES, NULL, 16), SEC_E_INTERNAL_ERROR);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_STREAM_SIZES, untouched), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_ACCESS_TOKEN, untouched), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(QueryContextAttributesA(&pair->client, 1004, untouched), SEC_E_UNSUPPORTED_FUNCTION);

    STATUS(QueryCredentialsAttributesA(&pair->client_credential, SECPKG_CRED_ATTR_NAMES, &credential), SEC_E_OK);
    CHECK(strcmp(credential.sUserName + 7, "\\alice") == 0);
    FreeContextBuffer(credential.sUserName);
    /* A structure that is too small for the answer is not written to. */
    credential.sUserName = none;
    STATUS(QueryCredentialsAttributesExA(&pair->client_credential, SECPKG_CRED_ATTR_NAMES, &credential, sizeof credential - 1),
           SEC_E_BUFFER_TOO_SMALL);
    STATUS(QueryCredentialsAttributesExW(&pair->client_credential, SECPKG_CRED_ATTR_NAMES, &credential, 0), SEC_E_BUFFER_TOO_SMALL);
    CHECK(credential.sUserName == none);
    STATUS(QueryCredentialsAttributesExA(&pair->client_credential, SECPKG_CRED_ATTR_NAMES, &credential, sizeof credential), SEC_E_OK);
    CHECK(strcmp(credential.sUserName + 7, "\\alice") == 0);
    FreeContextBuffer(credential.sUserName);
    STATUS(QueryCredentialsAttributesExW(&pair->client_credential, SECPKG_CRED_ATTR_NAMES, &credential_w, sizeof credential_w), SEC_E_OK);
    CHECK(wide_equal(credential_w.sUserName + 7, "\\alice"));
    FreeContextBuffer(credential_w.sUserName);
}

/* The server's session moves into another context, and goes on where it was. */
static void moving(Pair *pair)
{
    SecBuffer packed = buffer(SECBUFFER_EMPTY, NULL, 0);
    CtxtHandle moved;
    STATUS(ExportSecurityContext(&pair->server, 0, &packed, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(ExportSecurityContext(&pair->server, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed, NULL), SEC_E_OK);
    CHECK(packed.pvBuffer != NULL && packed.cbBuffer > 16);
    STATUS(ImportSecurityContextA("Kerberos", &packed, NULL, &moved), SEC_E_SECPKG_NOT_FOUND);
    STATUS(ImportSecurityContextW(u"NTLM", &packed, NULL, &moved), SEC_E_OK);
    STATUS(FreeContextBuffer(packed.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(&pair->server), SEC_E_OK);
    pair->server = moved;
    signatures(&pair->client, &pair->server);
    sealing(&pair->server, &pair->client);
}

static void packages(void)
{
    PSecPkgInfoW list, one;
    PSecPkgInfoA untouched = NULL;
    ULONG count = 0;
    STATUS(EnumerateSecurityPackagesW(&count, &list), SEC_E_OK);
    CHECK(count == 2);
    STATUS(FreeContextBuffer(list), SEC_E_OK);
    STATUS(QuerySecurityPackageInfoW(u"ntlm", &one), SEC_E_OK);
    CHECK(wide_equal(one->Name, "NTLM") && wide_equal(one->Comment, "NTLM Security Package"));
    CHECK(one->fCapabilities == 0x82B37 && one->wVersion == 1 && one->wRPCID == 10 && one->cbMaxToken == 2888);
    STATUS(FreeContextBuffer(one), SEC_E_OK);
    STATUS(QuerySecurityPackageInfoA("Kerberos", &untouched), SEC_E_SECPKG_NOT_FOUND);
    CHECK(untouched == NULL);
}

int main(void)
{
    int wide, allocate;
    static const char *names[] = {"NTLM", "Negotiate"};
    size_t package;
    packages();
    for (package = 0; package < 2; package++) {
        for (wide = 0; wide < 2; wide++) {
            for (allocate = 0; allocate < 2; allocate++) {
                Pair pair;
                exchange(wide, names[package], allocate, &pair);
                signatures(&pair.client, &pair.server);
                signatures(&pair.server, &pair.client);
                sealing(&pair.client, &pair.server);
                sealing(&pair.server, &pair.client);
                attributes(&pair);
                moving(&pair);
                end(&pair);
            }
        }
    }
    return finish();
}
