// One node of OpenSearch, without security, on loopback:
//
//   java -cp 'JARS/*' OsNode.java HOME PORT
//
// HOME holds its data; it listens on PORT for HTTP, and on a port of its own for nobody else. Into indexes whose names begin with
// "forbidden" nobody may write, and in those that begin with "undeletable" nobody may delete: they are refused where the security
// plugin refuses, and in its words.

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.opensearch.OpenSearchSecurityException;
import org.opensearch.action.ActionRequest;
import org.opensearch.action.DocWriteRequest.OpType;
import org.opensearch.action.bulk.BulkShardRequest;
import org.opensearch.action.support.ActionFilter;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.settings.Settings;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.painless.PainlessPlugin;
import org.opensearch.plugins.ActionPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

public class OsNode extends Node {
    OsNode(Settings settings, Path home) {
        super(
            new Environment(settings, home.resolve("config")),
            List.of(Netty4Plugin.class, CommonAnalysisPlugin.class, PainlessPlugin.class, Guard.class),
            false
        );
    }

    public static class Guard extends Plugin implements ActionPlugin {
        @Override
        public List<ActionFilter> getActionFilters() {
            return List.of(new ActionFilter.Simple() {
                @Override
                public int order() {
                    return 0;
                }

                @Override
                protected boolean apply(String action, ActionRequest request, ActionListener<?> listener) {
                    if (request instanceof BulkShardRequest bulk) {
                        String index = bulk.index();
                        refuse(index.startsWith("forbidden"), "indices:data/write/bulk[s]");
                        boolean deletes = Arrays.stream(bulk.items()).anyMatch(item -> item.request().opType() == OpType.DELETE);
                        refuse(index.startsWith("undeletable") && deletes, "indices:data/write/delete");
                    }
                    return true;
                }
            });
        }

        private static void refuse(boolean refused, String right) {
            if (refused) {
                String said = "no permissions for [" + right + "] and User [name=sluice, backend_roles=[], requestedTenant=null]";
                throw new OpenSearchSecurityException(said, RestStatus.FORBIDDEN);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        Settings settings = Settings.builder()
            .put("path.home", home)
            .put("path.data", home.resolve("data"))
            .put("cluster.name", "sluice")
            .put("node.name", "test")
            .put("network.host", "127.0.0.1")
            .put("http.port", arguments[1])
            .put("transport.port", 0)
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("discovery.type", "single-node")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            // So that a test need not send 100 MiB to be told that it is too much.
            .put("http.max_content_length", "8mb")
            .build();
        OsNode node = new OsNode(settings, home);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception problem) {
                problem.printStackTrace();
            }
        }));
        node.start();
        Thread.currentThread().join();
    }
}
