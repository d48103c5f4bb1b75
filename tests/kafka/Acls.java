import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Allows a user an operation on a topic, and thereby everybody else none: ADDRESS USER OPERATION TOPIC. */
public class Acls {
    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            var topic = new ResourcePattern(ResourceType.TOPIC, arguments[3], PatternType.LITERAL);
            var entry = new AccessControlEntry(
                "User:" + arguments[1], "*", AclOperation.fromString(arguments[2]), AclPermissionType.ALLOW);
            admin.createAcls(List.of(new AclBinding(topic, entry))).all().get();
        }
    }
}
