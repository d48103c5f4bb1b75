import java.util.ArrayList;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Allows users operations, and thereby everybody else none on the same: ADDRESS, and then USER OPERATION TYPE NAME as often as
 * there are such. TYPE is TOPIC, GROUP or CLUSTER.
 */
public class Acls {
    public static void main(String[] arguments) throws Exception {
        var bindings = new ArrayList<AclBinding>();
        for (int at = 1; at + 3 < arguments.length; at += 4) {
            var type = ResourceType.fromString(arguments[at + 2]);
            var resource = new ResourcePattern(type, arguments[at + 3], PatternType.LITERAL);
            var operation = AclOperation.fromString(arguments[at + 1]);
            var entry = new AccessControlEntry("User:" + arguments[at], "*", operation, AclPermissionType.ALLOW);
            bindings.add(new AclBinding(resource, entry));
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            admin.createAcls(bindings).all().get();
        }
    }
}
