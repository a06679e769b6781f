/* Calls the static library of lib.rs, which has no Rust standard library in it. */
extern int ntlm_no_std_exchange(void);

int main(void) {
    return ntlm_no_std_exchange();
}
