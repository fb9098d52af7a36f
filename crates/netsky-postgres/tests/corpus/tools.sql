-- node-pg 8
select oid,relname from pg_class where relname=$1
-- $1 = 'messages'
--> oid oid, relname name; 1 row
--> 16384 | messages

-- DBeaver
SELECT current_schema(),session_user
--> current_schema name, session_user name; 1 row
--> public | netsky

-- DBeaver
SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname
--> oid oid, oid oid, nspname name, nspowner oid, nspacl _aclitem, description text; 3 rows
--> 11 | 11 | pg_catalog | 10 | NULL | system catalog schema
--> 12000 | 12000 | information_schema | 10 | NULL | NULL
--> 2200 | 2200 | public | 10 | NULL | the tables and views of the store

-- DBeaver
SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = 1034
--> ?column? bool, nspname name, typname name; 1 row
--> t | pg_catalog | _aclitem

-- DBeaver
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid   FROM pg_catalog.pg_type   LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r           from pg_namespace as ns           join ( select s.r, (current_schemas(false))[s.r] as nspname                    from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r          using ( nspname )        ) as sp     ON sp.nspoid = typnamespace  WHERE pg_type.oid = 1034  ORDER BY sp.r, pg_type.oid DESC
--> is_array bool, typtype char, typname name, oid oid; 1 row
--> t | b | _aclitem | 1034

-- DBeaver
SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname='postgres'
--> oid oid, oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, datallowconn bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace oid, datcollate text, datctype text, daticulocale text, daticurules text, datcollversion text, datacl _aclitem; 0 rows

-- DBeaver
SELECT * FROM pg_catalog.pg_settings where name='standard_conforming_strings'
--> name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype text, source text, min_val text, max_val text, enumvals _text, boot_val text, reset_val text, sourcefile text, sourceline int4, pending_restart bool; 1 row
--> standard_conforming_strings | on | NULL | Preset Options |  | NULL | internal | bool | default | NULL | NULL | NULL | on | on | NULL | NULL | f

-- DBeaver
SELECT string_agg(word, ',' ) from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs,absolute,action,ada,add,admin,after,all,allocate,alter,aIways,and,any,are,array,as,asc,asenstitive,assertion,assignment,asymmetric,at,atomic,attribute,attributes,authorization,avg,before,begin,bernoulli,between,bigint,binary,blob,boolean,both,breaadth,by,c,call,called,cardinaliity,cascade,cascaded,case,cast,catalog,catalog_name,ceil,ceiling,chain,char,char_length,character,character_length,character_set_catalog,character_set_name,character_set_schema,characteristics,characters,check,checkeed,class_origin,clob,close,coalesce,coboI,code_units,collate,collation,collaition_catalog,collaition_name,collaition_schema,collect,colum,column_name,command_function,command_function_code,commit,committed,condiition,condiition_number,connect,connection_name,constraint,constraint_catalog,constraint_name,constraint_schema,constraints,constructors,contains,continue,convert,corr,correspondiing,count,covar_pop,covar_samp,create,cross,cube,cume_dist,current,current_collation,current_date,current_default_transfom_group,current_path,current_role,current_time,current_timestamp,current_transfom_group_for_type,current_user,cursor,cursor_name,cycle,data,date,datetime_interval_code,datetime_interval_precision,day,deallocate,dec,decimaI,declare,default,defaults,not,null,nullable,nullif,nulls,number,numeric,object,octeet_length,octets,of,old,on,only,open,option,options,or,order,ordering,ordinaliity,others,out,outer,output,over,overlaps,overlay,overriding,pad,parameter,parameter_mode,parameter_name,parameter_ordinal_position,parameter_speciific_catalog,parameter_speciific_name,parameter_speciific_schema,partiaI,partitioon,pascal,path,percent_rank,percentile_cont,percentile_disc,placing,pli,position,power,preceding,precision,prepare,preseerv,primary,prior,privileges,procedure,public,range,rank,read,reads,real,recursivve,ref,references,referencing,regr_avgx,regr_avgy,regr_count,regr_intercept,regr_r2,regr_slope,regr_sxx,regr_sxy,regr_sy y,relative,release,repeatable,restart,result,retun,returned_cardinality,returned_length,returned_octeet_length,returned_sqlstate,returns,revoe,right,role,rollback,rollup,routine,routine_catalog,routine_name,routine_schema,row,row_count,row_number,rows,savepoint,scale,schema,schema_name,scope_catalog,scope_name,scope_schema,scroll,search,second,section,security,select,self,sensitive,sequence,seriializeable,server_name,session,session_user,set,sets,similar,simple,size,smalIint,some,source,space,specifiic,speciific_name,speciifictype,sql,sqlexception,sqlstate,sqlwarning,sqrt,start,state,statement,static,stddev_pop,stddev_samp,structure,style,subclass_origin,submultiset,substring,sum,symmetric,system,system_user,table,table_name,tablesample,temporary,then,ties,time,timesamp,timezone_hour,timezone_minute,to,top_level_count,trailing,transaction,transaction_active,transactions_committed,transactions_rolled_back,transfor,transforms,translate,translation,treat,trigger,trigger_catalog,trigger_name,trigger_schema,trim,true,type,unbounde,undefined,uncommitted,under,union,unique,unknown,unnaamed,unnest,update,upper,usage,user,user_defined_type_catalog,user_defined_type_code,user_defined_type_name,user_defined_type_schema,using,value,values,var_pop,var_samp,varchar,varying,view,when,whenever,where,width_bucket,window,with,within,without,work,write,year,zone}'::text[])
--> string_agg text; 1 row

-- DBeaver
SELECT * FROM pg_catalog.pg_enum WHERE 1<>1 LIMIT 1
--> oid oid, enumtypid oid, enumsortorder float4, enumlabel name; 0 rows

-- DBeaver
SELECT reltype FROM pg_catalog.pg_class WHERE 1<>1 LIMIT 1
--> reltype oid; 0 rows

-- DBeaver
SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')
--> oid oid, oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype char, typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid oid, typsubscript regproc, typelem oid, typarray oid, typinput regproc, typoutput regproc, typreceive regproc, typsend regproc, typmodin regproc, typmodout regproc, typanalyze regproc, typalign char, typstorage char, typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, typcollation oid, typdefaultbin pg_node_tree, typdefault text, typacl _aclitem, relkind char, base_type_name text, description text; 108 rows

-- DBeaver
SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,  pg_catalog.pg_get_partkeydef(c.oid) as partition_key
  FROM pg_catalog.pg_class c
  LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
  WHERE c.relnamespace=11 AND c.relkind not in ('i','I','c')
--> oid oid, oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool, relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid xid, relacl _aclitem, reloptions _text, relpartbound pg_node_tree, description text, partition_expr text, partition_key text; 140 rows

-- DBeaver
SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,dsc.description,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size,pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans FROM pg_catalog.pg_index i
  INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid
  INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid
  LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid
  WHERE  i.indrelid=1 ORDER BY tabrelname, c.relname
--> indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, indisreplident bool, indkey int2vector, indcollation oidvector, indclass oidvector, indoption int2vector, indexprs pg_node_tree, indpred pg_node_tree, keys int2vector, relname name, relnamespace oid, relam oid, reltablespace oid, tabrelname name, description text, pred_expr text, expr text, index_rel_size int8, index_num_scans int8; 0 rows

-- DBeaver
SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description, case when c.contype='c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
  FROM pg_catalog.pg_constraint c
  INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid
  LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid
  LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass
  WHERE c.conrelid=1
  ORDER BY c.oid
--> oid oid, oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, confupdtype char, confdeltype char, confmatchtype char, conislocal bool, coninhcount int2, connoinherit bool, conkey _int2, confkey _int2, conpfeqop _oid, conppeqop _oid, conffeqop _oid, confdelsetcols _int2, conexclop _oid, conbin pg_node_tree, tabrelname name, refnamespace oid, description text, consrc_copy text; 0 rows

-- Grafana
SELECT
  CASE WHEN
        quote_ident(table_schema) IN (
        SELECT
          CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
        FROM
          generate_series(
            array_lower(string_to_array(current_setting('search_path'),','),1),
            array_upper(string_to_array(current_setting('search_path'),','),1)
          ) as i,
          string_to_array(current_setting('search_path'),',') s
        )
    THEN quote_ident(table_name)
    ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
  END AS "table"
  FROM information_schema.tables
  WHERE quote_ident(table_schema) NOT IN ('information_schema',
                           'pg_catalog',
                           '_timescaledb_cache',
                           '_timescaledb_catalog',
                           '_timescaledb_internal',
                           '_timescaledb_config',
                           'timescaledb_information',
                           'timescaledb_experimental')
  ORDER BY CASE WHEN
        quote_ident(table_schema) IN (
        SELECT
          CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
        FROM
          generate_series(
            array_lower(string_to_array(current_setting('search_path'),','),1),
            array_upper(string_to_array(current_setting('search_path'),','),1)
          ) as i,
          string_to_array(current_setting('search_path'),',') s
        ) THEN 0 ELSE 1 END, 1
--> table text; 25 rows

-- Grafana
SELECT quote_ident(column_name) AS "column", data_type AS "type"
  FROM information_schema.columns
  WHERE
    CASE WHEN array_length(parse_ident('public.games'),1) = 2
      THEN quote_ident(table_schema) = (parse_ident('public.games'))[1]
        AND quote_ident(table_name) = (parse_ident('public.games'))[2]
      ELSE quote_ident(table_name) = 'public.games'
        AND
        quote_ident(table_schema) IN (
        SELECT
          CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
        FROM
          generate_series(
            array_lower(string_to_array(current_setting('search_path'),','),1),
            array_upper(string_to_array(current_setting('search_path'),','),1)
          ) as i,
          string_to_array(current_setting('search_path'),',') s
        )
    END
--> column text, type varchar; 0 rows

-- Metabase
SELECT nspname AS "TABLE_SCHEM", current_database() AS "TABLE_CATALOG" FROM pg_catalog.pg_namespace  WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_'  OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_'  OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_'))  ORDER BY "TABLE_SCHEM"
--> TABLE_SCHEM name, TABLE_CATALOG name; 3 rows
--> information_schema | netsky
--> pg_catalog | netsky
--> public | netsky

-- Metabase
with table_privileges as (
   select
     NULL as role,
     t.schemaname as schema,
     t.objectname as table,
     pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'update') as update,
     pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'select') as select,
     pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'insert') as insert,
     pg_catalog.has_table_privilege(     current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'delete') as delete
   from (
     select schemaname, tablename as objectname from pg_catalog.pg_tables
     union
     select schemaname, viewname as objectname from pg_catalog.pg_views
     union
     select schemaname, matviewname as objectname from pg_catalog.pg_matviews
   ) t
   where t.schemaname !~ '^pg_'
     and t.schemaname <> 'information_schema'
     and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
  )
  select t.*
  from table_privileges t
--> role text, schema name, table name, update bool, select bool, insert bool, delete bool; 25 rows

-- Metabase
SELECT "n"."nspname" AS "schema", "c"."relname" AS "name", CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type", "d"."description" AS "description", "stat"."n_live_tup" AS "estimated_row_count" FROM "pg_catalog"."pg_class" AS "c" INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid" LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = '0') AND ("d"."classoid" = 'pg_class'::regclass) LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname") AND ("c"."relname" = "stat"."relname") WHERE ("c"."relnamespace" = "n"."oid") AND ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema') AND c.relkind in ('r', 'p', 'v', 'f', 'm') AND ("n"."nspname" IN ('public')) ORDER BY "type" ASC, "schema" ASC, "name" ASC
--> schema name, name name, type text, description text, estimated_row_count int8; 25 rows

-- pgAdmin 4, tools
SELECT CASE
      WHEN (SELECT count(extname) FROM pg_catalog.pg_extension WHERE extname='bdr') > 0
      THEN 'pgd'
      WHEN (SELECT COUNT(*) FROM pg_replication_slots) > 0
      THEN 'log'
      ELSE NULL
  END as type
--> type text; 1 row
--> NULL

-- database tools
SELECT seqtypid FROM pg_catalog.pg_sequence LIMIT 0
--> seqtypid oid; 0 rows

-- database tools
SELECT seqrelid FROM pg_catalog.pg_sequence LIMIT 0
--> seqrelid oid; 0 rows

-- database tools
SELECT classid, objid, refobjid, refobjsubid FROM pg_catalog.pg_depend LIMIT 0
--> classid oid, objid oid, refobjid oid, refobjsubid int4; 0 rows

-- database tools
WITH INH_TABLES AS (    SELECT att.attname AS name, ph.inhparent AS inheritedid    FROM pg_catalog.pg_attribute att    JOIN pg_catalog.pg_inherits ph ON ph.inhparent = att.attrelid    WHERE ph.inhrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props')) SELECT att.attname, inh.inheritedid FROM pg_catalog.pg_attribute att LEFT OUTER JOIN INH_TABLES AS inh ON att.attname = inh.name WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props') AND att.attnum > 0
--> attname name, inheritedid oid; 0 rows

-- database tools
WITH INH_TABLES AS (    SELECT att.attname AS name, ph.inhparent AS inheritedid,           pg_catalog.concat(nmsp_parent.nspname, '.', parent.relname) AS inheritedfrom    FROM pg_catalog.pg_attribute att    JOIN pg_catalog.pg_inherits ph ON ph.inhparent = att.attrelid    JOIN pg_catalog.pg_class parent ON ph.inhparent = parent.oid    JOIN pg_catalog.pg_namespace nmsp_parent ON nmsp_parent.oid = parent.relnamespace    WHERE ph.inhrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props')) SELECT att.attname, inh.inheritedfrom, inh.inheritedid FROM pg_catalog.pg_attribute att LEFT OUTER JOIN INH_TABLES AS inh ON att.attname = inh.name WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props') AND att.attnum > 0
--> attname name, inheritedfrom text, inheritedid oid; 0 rows

-- database tools
SELECT * FROM (SELECT pg_catalog.aclexplode(att.attacl) AS d FROM pg_catalog.pg_attribute att WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props') AND att.attnum = 1) sub
--> d oid; 0 rows

-- database tools
SELECT * FROM (SELECT     pg_catalog.aclexplode(attacl) as d FROM pg_catalog.pg_attribute att     WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props')     AND att.attnum = 1) a
--> d oid; 0 rows

-- database tools
WITH INH_TABLES AS (SELECT   at.attname AS name, ph.inhparent AS inheritedid, ph.inhseqno,   pg_catalog.concat(nmsp_parent.nspname, '.', parent.relname) AS inheritedfrom  FROM   pg_catalog.pg_attribute at  JOIN   pg_catalog.pg_inherits ph ON ph.inhparent = at.attrelid     AND ph.inhrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props')  JOIN   pg_catalog.pg_class parent ON ph.inhparent = parent.oid  JOIN   pg_catalog.pg_namespace nmsp_parent ON nmsp_parent.oid = parent.relnamespace  GROUP BY at.attname, ph.inhparent, ph.inhseqno, inheritedfrom  ORDER BY at.attname, ph.inhparent, ph.inhseqno, inheritedfrom ) SELECT DISTINCT ON (att.attnum) att.attname as name, att.atttypid, att.attnum,   att.attnotnull,   pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS defval,   pg_catalog.format_type(ty.oid, NULL) AS typname,   pg_catalog.format_type(ty.oid, att.atttypmod) AS cltype,   inh.inheritedfrom,   inh.inheritedid,   description, pi.indkey FROM pg_catalog.pg_attribute att   JOIN pg_catalog.pg_type ty ON ty.oid = atttypid   LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid = att.attrelid AND adnum = att.attnum   LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid = att.attrelid AND des.objsubid = att.attnum AND des.classoid = 'pg_class'::regclass)   LEFT OUTER JOIN pg_catalog.pg_index pi ON pi.indrelid = att.attrelid AND indisprimary   LEFT OUTER JOIN pg_catalog.pg_class tab ON tab.oid = att.attrelid   LEFT OUTER JOIN INH_TABLES AS inh ON att.attname = inh.name WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'test_props')   AND att.attnum > 0   AND att.attisdropped IS FALSE ORDER BY att.attnum
--> name name, atttypid oid, attnum int2, attnotnull bool, defval text, typname text, cltype text, inheritedfrom text, inheritedid oid, description text, indkey int2vector; 0 rows

-- database tools
SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'
--> set_config text; 1 row
--> hex

-- database tools
SELECT db.oid as did, db.datname, db.datallowconn,
pg_encoding_to_char(db.encoding) AS serverencoding,
has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate
FROM pg_catalog.pg_database db WHERE db.datname = current_database()
--> did oid, datname name, datallowconn bool, serverencoding name, cancreate bool, datistemplate bool; 1 row
--> 5 | netsky | t | UTF8 | f | f

-- database tools
SELECT gss_authenticated, encrypted
FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid()
--> gss_authenticated bool, encrypted bool; 0 rows

-- database tools
SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser,
CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role,
CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreatedb END as can_create_db,
CASE WHEN 'pg_signal_backend'=ANY(ARRAY(WITH RECURSIVE cte AS (
SELECT pg_roles.oid,pg_roles.rolname FROM pg_roles WHERE pg_roles.oid = roles.oid
UNION ALL
SELECT m.roleid,pgr.rolname FROM cte cte_1
JOIN pg_auth_members m ON m.member = cte_1.oid
JOIN pg_roles pgr ON pgr.oid = m.roleid)
SELECT rolname FROM cte)) THEN True ELSE False END as can_signal_backend
FROM pg_catalog.pg_roles as roles WHERE rolname = current_user
--> id oid, name name, is_superuser bool, can_create_role bool, can_create_db bool, can_signal_backend bool; 1 row
--> 10 | netsky | NULL | NULL | NULL | f

-- database tools
SELECT CASE WHEN usesuper
THEN pg_catalog.pg_is_in_recovery()
ELSE FALSE
END as inrecovery,
CASE WHEN usesuper AND pg_catalog.pg_is_in_recovery()
THEN pg_is_wal_replay_paused()
ELSE FALSE
END as isreplaypaused
FROM pg_catalog.pg_user WHERE usename=current_user
--> inrecovery bool, isreplaypaused bool; 1 row
--> f | f

-- database tools
SELECT 'session_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data
FROM (SELECT
(SELECT count(*) FROM pg_catalog.pg_stat_activity) AS "Total",
(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active')  AS "Active",
(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'idle')  AS "Idle"
) t
UNION ALL
SELECT 'tps_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data
FROM (SELECT
(SELECT sum(xact_commit) + sum(xact_rollback) FROM pg_catalog.pg_stat_database) AS "Transactions",
(SELECT sum(xact_commit) FROM pg_catalog.pg_stat_database) AS "Commits",
(SELECT sum(xact_rollback) FROM pg_catalog.pg_stat_database) AS "Rollbacks"
) t
UNION ALL
SELECT 'ti_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data
FROM (SELECT
(SELECT sum(tup_inserted) FROM pg_catalog.pg_stat_database) AS "Inserts",
(SELECT sum(tup_updated) FROM pg_catalog.pg_stat_database) AS "Updates",
(SELECT sum(tup_deleted) FROM pg_catalog.pg_stat_database) AS "Deletes"
) t
UNION ALL
SELECT 'to_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data
FROM (SELECT
(SELECT sum(tup_fetched) FROM pg_catalog.pg_stat_database) AS "Fetched",
(SELECT sum(tup_returned) FROM pg_catalog.pg_stat_database) AS "Returned"
) t
UNION ALL
SELECT 'bio_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data
FROM (SELECT
(SELECT sum(blks_read) FROM pg_catalog.pg_stat_database) AS "Reads",
(SELECT sum(blks_hit) FROM pg_catalog.pg_stat_database) AS "Hits"
) t
--> chart_name text, chart_data text; 5 rows

-- database tools
SELECT
has_table_privilege(
'pgagent.pga_job', 'INSERT, SELECT, UPDATE'
) has_priviledge
WHERE EXISTS(
SELECT has_schema_privilege('pgagent', 'USAGE')
WHERE EXISTS(
SELECT cl.oid FROM pg_catalog.pg_class cl
LEFT JOIN pg_catalog.pg_namespace ns ON ns.oid=relnamespace
WHERE relname='pga_job' AND nspname='pgagent'
)
)
--> has_priviledge bool; 0 rows

-- database tools
SELECT
db.oid as did, db.datname as name, ta.spcname as spcname, db.datallowconn,
db.datistemplate AS is_template,
pg_catalog.has_database_privilege(db.oid, 'CREATE') as cancreate, datdba as owner,
descr.description
FROM
pg_catalog.pg_database db
LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON db.dattablespace = ta.oid
LEFT OUTER JOIN pg_catalog.pg_shdescription descr ON (
db.oid=descr.objoid AND descr.classoid='pg_database'::regclass
)
WHERE db.oid > 0::OID OR db.datname IN ('postgres', 'edb')
ORDER BY datname
--> did oid, name name, spcname name, datallowconn bool, is_template bool, cancreate bool, owner oid, description text; 1 row
--> 5 | netsky | pg_default | t | f | f | 10 | NULL

-- database tools
SELECT
r.oid, r.rolname, r.rolcanlogin, r.rolsuper, d.description
FROM pg_catalog.pg_roles r
LEFT JOIN pg_catalog.pg_shdescription d
ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::regclass
ORDER BY r.rolcanlogin, r.rolname
--> oid oid, rolname name, rolcanlogin bool, rolsuper bool, description text; 1 row
--> 10 | netsky | t | NULL | NULL

-- database tools
SELECT
ts.oid AS oid, spcname AS name, spcowner as owner,
pg_catalog.shobj_description(oid, 'pg_tablespace') AS description
FROM
pg_catalog.pg_tablespace ts
ORDER BY name
--> oid oid, name name, owner oid, description text; 2 rows
--> 1663 | pg_default | 10 | NULL
--> 1664 | pg_global | 10 | NULL

-- database tools
SELECT * FROM
(SELECT pg_catalog.pg_encoding_to_char(s.i) AS encoding
FROM (SELECT pg_catalog.generate_series(0, 100, 1) as i) s) a
WHERE encoding != '' ORDER BY encoding
--> encoding name; 3 rows
--> LATIN1
--> SQL_ASCII
--> UTF8

-- database tools
SELECT name, vartype, min_val, max_val, enumvals
FROM pg_catalog.pg_show_all_settings() WHERE context in ('user', 'superuser')
--> name text, vartype text, min_val text, max_val text, enumvals _text; 0 rows

-- database tools
SELECT relam FROM pg_catalog.pg_class LIMIT 1
--> relam oid; 1 row
--> 2

-- database tools
SELECT reltablespace FROM pg_catalog.pg_class LIMIT 1
--> reltablespace oid; 1 row
--> 0

-- database tools
SELECT tableoid FROM pg_catalog.pg_class LIMIT 1
--> tableoid oid; 1 row
--> 1259

-- database tools
SELECT inhrelid FROM pg_catalog.pg_inherits LIMIT 0
--> inhrelid oid; 0 rows

-- database tools
SELECT oid, amname FROM pg_catalog.pg_am
--> oid oid, amname name; 7 rows

-- database tools
SELECT classid, objid, refobjid, refobjsubid, refclassid, deptype FROM pg_catalog.pg_depend LIMIT 0
--> classid oid, objid oid, refobjid oid, refobjsubid int4, refclassid oid, deptype char; 0 rows

-- database tools
SELECT tableoid FROM pg_catalog.pg_constraint LIMIT 0
--> tableoid oid; 0 rows

-- database tools
SELECT at.attname FROM pg_catalog.pg_attribute at WHERE at.attrelid = (SELECT oid FROM pg_class WHERE relname = 'users') AND at.attnum > 0 AND NOT at.attisdropped LIMIT 1
--> attname name; 0 rows

-- database tools
SELECT type.typname FROM pg_catalog.pg_type type WHERE type.oid = 25
--> typname name; 1 row
--> text

-- database tools
SELECT role.rolname FROM pg_catalog.pg_roles role LIMIT 1
--> rolname name; 1 row
--> netsky

-- database tools
SELECT name.nspname FROM pg_catalog.pg_namespace name LIMIT 1
--> nspname name; 1 row
--> pg_catalog

-- database tools
SELECT key.conname FROM pg_catalog.pg_constraint key LIMIT 1
--> conname name; 1 row
--> messages_pkey

-- database tools
SELECT comment.description FROM pg_catalog.pg_description comment LIMIT 1
--> description text; 1 row
--> Messages to and from agents, on every channel.

-- database tools
SELECT language.lanname FROM pg_catalog.pg_language language LIMIT 1
--> lanname name; 1 row
--> internal

-- database tools
SELECT at.attname FROM pg_catalog.pg_attribute AS at JOIN pg_catalog.pg_class AS rel ON at.attrelid = rel.oid WHERE rel.relname = 'users' AND at.attnum > 0 AND NOT at.attisdropped LIMIT 1
--> attname name; 0 rows

-- database tools
SELECT at.attname, ty.typname FROM pg_catalog.pg_attribute at JOIN pg_catalog.pg_type ty ON ty.oid = at.atttypid WHERE at.attrelid = (SELECT oid FROM pg_class WHERE relname = 'users') AND at.attnum > 0 AND NOT at.attisdropped ORDER BY at.attnum LIMIT 1
--> attname name, typname name; 0 rows

-- database tools
SELECT at.attname, type.typname, name.nspname FROM pg_catalog.pg_attribute at JOIN pg_catalog.pg_type type ON type.oid = at.atttypid JOIN pg_catalog.pg_namespace name ON name.oid = type.typnamespace WHERE at.attrelid = (SELECT oid FROM pg_class WHERE relname = 'users') AND at.attnum > 0 AND NOT at.attisdropped ORDER BY at.attnum LIMIT 1
--> attname name, typname name, nspname name; 0 rows

-- database tools
SELECT att.attname as name, att.atttypid, att.attnum, att.attnotnull, pg_catalog.format_type(ty.oid, NULL) AS typname FROM pg_catalog.pg_attribute att JOIN pg_catalog.pg_type ty ON ty.oid = att.atttypid WHERE att.attrelid = (SELECT oid FROM pg_class WHERE relname = 'users') AND att.attnum > 0 AND NOT att.attisdropped ORDER BY att.attnum
--> name name, atttypid oid, attnum int2, attnotnull bool, typname text; 0 rows

-- database tools
SELECT oid FROM pg_class WHERE relname = 'users'
--> oid oid; 0 rows

-- database tools
SELECT oid, typname, typlen FROM pg_type WHERE typname = 'name'
--> oid oid, typname name, typlen int2; 1 row
--> 19 | name | 64

-- database tools
SELECT pg_catalog.format_type(19, NULL)
--> format_type text; 1 row
--> name

-- database tools
SELECT * FROM (SELECT pg_catalog.format_type(t.oid, NULL) AS typname,    CASE WHEN typelem > 0 THEN typelem ELSE t.oid END as elemoid,    typlen, t.oid, nspname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace nsp ON typnamespace = nsp.oid WHERE typisdefined AND typtype IN ('b', 'c', 'd', 'e', 'r', 'm') AND nsp.nspname != 'information_schema' UNION SELECT 'smallserial', 0, 2, 0, 'pg_catalog' UNION SELECT 'bigserial', 0, 8, 0, 'pg_catalog' UNION SELECT 'serial', 0, 4, 0, 'pg_catalog' ) AS dummy ORDER BY nspname, 1
--> typname text, elemoid int8, typlen int8, oid int8, nspname name; 146 rows

-- database tools
SELECT oid FROM pg_namespace WHERE nspname = 'myapp'
--> oid oid; 0 rows

-- database tools
SELECT oid, rulename, ev_class, ev_enabled FROM pg_catalog.pg_rewrite LIMIT 0
--> oid oid, rulename name, ev_class oid, ev_enabled char; 0 rows

-- database tools
SELECT oid, polname, polrelid FROM pg_catalog.pg_policy LIMIT 0
--> oid oid, polname name, polrelid oid; 0 rows

-- database tools
SELECT inhrelid, inhparent, inhdetachpending FROM pg_catalog.pg_inherits LIMIT 0
--> inhrelid oid, inhparent oid, inhdetachpending bool; 0 rows

-- database tools
SELECT reltoastrelid, reloptions, reloftype, relpersistence FROM pg_catalog.pg_class LIMIT 1
--> reltoastrelid oid, reloptions _text, reloftype oid, relpersistence char; 1 row
--> 0 | NULL | 0 | p

-- database tools
SELECT
nsp.oid, nsp.nspname as name,
pg_catalog.has_schema_privilege(nsp.oid, 'CREATE') as can_create,
pg_catalog.has_schema_privilege(nsp.oid, 'USAGE') as has_usage,
des.description
FROM pg_catalog.pg_namespace nsp
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=nsp.oid AND des.classoid='pg_namespace'::regclass)
WHERE nspname NOT LIKE E'pg\_%'
AND NOT (
(nsp.nspname = 'pg_catalog' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'pg_class' AND relnamespace = nsp.oid LIMIT 1)) OR
(nsp.nspname = 'pgagent' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'pga_job' AND relnamespace = nsp.oid LIMIT 1)) OR
(nsp.nspname = 'information_schema' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'tables' AND relnamespace = nsp.oid LIMIT 1))
)
ORDER BY nspname
--> oid oid, name name, can_create bool, has_usage bool, description text; 1 row
--> 2200 | public | f | t | the tables and views of the store

-- database tools
SELECT conislocal FROM pg_catalog.pg_constraint LIMIT 0
--> conislocal bool; 0 rows

-- database tools
SELECT tgisinternal, tgenabled FROM pg_catalog.pg_trigger LIMIT 0
--> tgisinternal bool, tgenabled char; 0 rows

-- database tools
SELECT current_setting('server_version_num')
--> current_setting text; 1 row
--> 160006

-- database tools
SELECT extname FROM pg_extension
--> extname name; 0 rows

-- database tools
SELECT to_regclass('pg_class')::text
--> to_regclass text; 1 row
--> pg_class

-- database tools
SELECT has_table_privilege(current_user, 'pg_class', 'SELECT')::text
--> has_table_privilege text; 1 row
--> true

