# What of a dump says whose it is and how calls to the pod are judged; the rest is large, and of one machine.
{configs: [.configs[] |
  if (."@type" | endswith(".BootstrapConfigDump")) then
    {"@type": ."@type", bootstrap: {node: (.bootstrap.node | {id, metadata: (.metadata | {NAME, NAMESPACE, CLUSTER_ID})})}}
  elif (."@type" | endswith(".ListenersConfigDump")) then
    {"@type": ."@type", version_info, dynamic_listeners: [.dynamic_listeners[] | select(.name == "virtualInbound") |
      del(.draining_state) | del(.. | .access_log?, .tracing?, .common_tls_context?)]}
  else empty end]}
