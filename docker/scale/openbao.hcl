# OpenBao of docker-compose.yml's profile `scale`.
ui = false
api_addr = "https://openbao:8200"
cluster_addr = "https://openbao:8201"

listener "tcp" {
  address = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file = "/certs/public.crt"
  tls_key_file = "/certs/private.key"
}

storage "raft" {
  path = "/openbao-data"
  node_id = "openbao"
}

# To try it: whoever has this volume and that of the data has the KEK. In production a KMS, an HSM or people unseal it.
seal "static" {
  current_key_id = "compose"
  current_key = "file:///openbao-seal/password"
}
